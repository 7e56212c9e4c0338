-- What has happened to accounts. Triggers write it, so that a change and its event are one transaction.
CREATE TABLE events (
  -- The second by the database's clock, and six digits. A later change has a greater id, also within a second or
  -- after a step back of the clock. What is too old is found without another index.
  id INTEGER PRIMARY KEY NOT NULL,
  event TEXT NOT NULL, -- as in the log
  username TEXT NOT NULL, -- whose account: an index finds a removed user's events, too
  user_id INTEGER NOT NULL, -- a name can be given again after a removal, whose events stay: no foreign key
  actor TEXT, -- the username of who did it; NULL: an operator on the command line, or unknown
  session TEXT, -- a hash of the acting session's id, as in the log
  address TEXT, -- its network, as in the log; NULL if somebody else's session acted
  country TEXT -- ISO 3166 code from Cloudflare
) STRICT;

CREATE INDEX events_by_username ON events (username);

ALTER TABLE sessions ADD COLUMN log_id TEXT; -- a hash of the id, as in the log
ALTER TABLE sessions ADD COLUMN address TEXT; -- the network of the login or of the last refresh
ALTER TABLE sessions ADD COLUMN revoked_by TEXT; -- the acting session; '': the command line; 'reuse'; NULL: not recorded
ALTER TABLE users ADD COLUMN changed_by TEXT; -- the acting session; '': the command line; 'signup'; NULL: not recorded
ALTER TABLE factors ADD COLUMN verified_by TEXT; -- the acting session
ALTER TABLE login_failures ADD COLUMN lockout ANY; -- the id of its event; while it is written: user, address, country

-- Inserting here records an event of a user: by a session, or else by `actor`, from `address` and `country`.
CREATE VIEW new_events AS SELECT event, user_id, session AS by_session, actor, address, country FROM events;

CREATE TRIGGER IF NOT EXISTS new_events_recorded INSTEAD OF INSERT ON new_events BEGIN
  INSERT INTO events (id, event, username, user_id, actor, session, address, country)
  SELECT max(unixepoch() * 1000000, 1 + coalesce((SELECT max(id) FROM events), 0)),
    new.event, users.username, users.id,
    iif(new.event = 'session.reuse_detected', NULL, coalesce(nullif(new.actor, ''), actor.username)),
    acting.log_id,
    nullif(iif(acting.user_id = users.id, acting.address, new.address), ''),
    nullif(iif(acting.user_id = users.id, acting.country, new.country), '')
  FROM users
  LEFT JOIN sessions AS acting ON acting.id = new.by_session
  LEFT JOIN users AS actor ON actor.id = acting.user_id
  WHERE users.id = new.user_id;
END;

CREATE TRIGGER events_of_login AFTER INSERT ON sessions BEGIN
  INSERT INTO new_events (event, user_id, by_session) VALUES ('login.succeeded', new.user_id, new.id);
END;

-- One event for all sessions that a session revokes in a row: the one before it is the same, and not a second old.
CREATE TRIGGER events_of_revocation AFTER UPDATE OF revoked_by ON sessions
WHEN new.revoked_by IS NOT NULL BEGIN
  INSERT INTO new_events (event, user_id, by_session)
  SELECT iif(new.revoked_by = 'reuse', 'session.reuse_detected', 'session.revoked'), new.user_id,
    iif(new.revoked_by = 'reuse', new.id, new.revoked_by)
  WHERE NOT EXISTS (
    SELECT 1 FROM events
    WHERE id = (SELECT max(id) FROM events) AND id >= unixepoch() * 1000000
      AND event = 'session.revoked' AND user_id = new.user_id AND new.revoked_by <> 'reuse'
      AND session IS (SELECT log_id FROM sessions WHERE id = new.revoked_by)
  );
END;

CREATE TRIGGER events_of_new_user AFTER INSERT ON users WHEN new.changed_by IS NOT NULL BEGIN
  INSERT INTO new_events (event, user_id, by_session, actor)
  SELECT CASE
      WHEN new.changed_by = 'signup' THEN 'user.signed_up'
      WHEN new.password_hash LIKE '!%' THEN 'user.invited'
      ELSE 'user.added'
    END,
    new.id, new.changed_by, iif(new.changed_by = 'signup', new.username, NULL);
END;

-- A hash that is replaced by a stronger one of the same password is not an event: that statement names no session.
CREATE TRIGGER events_of_user AFTER UPDATE OF changed_by ON users BEGIN
  INSERT INTO new_events (event, user_id, by_session)
  SELECT event, new.id, new.changed_by FROM (
    SELECT iif(new.id = (SELECT user_id FROM sessions WHERE id = new.changed_by),
      'password.changed', 'password.set') AS event WHERE new.password_hash <> old.password_hash
    UNION ALL SELECT 'roles.changed' WHERE new.roles <> old.roles
    UNION ALL SELECT iif(new.disabled_at IS NULL, 'user.enabled', 'user.disabled')
      WHERE (new.disabled_at IS NULL) <> (old.disabled_at IS NULL)
  );
END;

CREATE TRIGGER events_of_code AFTER INSERT ON codes BEGIN
  INSERT INTO new_events (event, user_id, actor) VALUES ('code.created', new.user_id, new.created_by);
END;

-- An attempt can lock several counters: that is one lockout.
CREATE TRIGGER events_of_lockout AFTER INSERT ON login_failures WHEN new.lockout IS NOT NULL BEGIN
  INSERT INTO new_events (event, user_id, address, country)
  SELECT 'login.limited', new.lockout ->> 0, new.lockout ->> 1, new.lockout ->> 2
  WHERE NOT EXISTS (
    SELECT 1 FROM events
    WHERE id = (SELECT max(id) FROM events) AND id >= unixepoch() * 1000000
      AND event = 'login.limited' AND user_id = new.lockout ->> 0
  );
  UPDATE login_failures SET lockout = (SELECT max(id) FROM events) WHERE key = new.key;
END;

-- A login takes back the lockout that its own attempt has started.
CREATE TRIGGER events_of_no_lockout AFTER UPDATE OF paused_until ON login_failures
WHEN new.paused_until = 0 AND old.lockout IS NOT NULL BEGIN
  DELETE FROM events WHERE id = old.lockout AND event = 'login.limited';
  UPDATE login_failures SET lockout = NULL WHERE key = new.key;
END;

CREATE TRIGGER events_of_factor AFTER UPDATE OF verified_by ON factors WHEN old.verified_at IS NULL BEGIN
  INSERT INTO new_events (event, user_id, by_session) VALUES ('factor.added', new.user_id, new.verified_by);
END;

CREATE TRIGGER events_of_wrong_codes AFTER UPDATE OF wrong_codes ON factors
WHEN new.status = 'disabled' AND old.status = 'verified' BEGIN
  INSERT INTO new_events (event, user_id) VALUES ('factor.disabled', new.user_id);
END;
