-- Second factors: authenticator apps (TOTP, RFC 6238) and recovery codes.
CREATE TABLE factors (
  id TEXT PRIMARY KEY NOT NULL, -- 128 random bits in base64url
  user_id INTEGER NOT NULL,
  friendly_name TEXT NOT NULL,
  sealed_seed TEXT NOT NULL, -- the id of a key, and the seed encrypted with that key for this user
  created_at INTEGER NOT NULL, -- unix time (seconds)
  verified_at INTEGER, -- unix time (seconds); NULL: the enrolment is unfinished, and the factor does not count
  last_step INTEGER NOT NULL DEFAULT 0, -- of the last code that was accepted; only grows
  wrong_codes INTEGER NOT NULL DEFAULT 0, -- since the last code that was accepted
  -- NIST SP 800-63B-4 3.2.2: at most 100 wrong codes in a row.
  status TEXT NOT NULL AS (
    iif(verified_at IS NULL, 'unverified', iif(wrong_codes < 100, 'verified', 'disabled')))
) STRICT;

CREATE INDEX factors_by_user ON factors (user_id);
CREATE INDEX factors_verified ON factors (user_id) WHERE verified_at IS NOT NULL;

CREATE TABLE recovery_codes (
  code_hash TEXT PRIMARY KEY NOT NULL, -- SHA-256 of the code, which has 120 random bits
  user_id INTEGER NOT NULL,
  used_at INTEGER -- unix time (seconds); NULL: still valid
) STRICT, WITHOUT ROWID;

CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id, used_at);

-- How many recovery codes a user has, and how many of them are not used.
CREATE VIEW code_counts (user_id, total, remaining) AS
  SELECT id,
    (SELECT count(*) FROM recovery_codes WHERE user_id = users.id),
    (SELECT count(*) FROM recovery_codes WHERE user_id = users.id AND used_at IS NULL)
  FROM users;

-- 2: the session has shown a second factor. The tokens' `amr` and `acr`.
ALTER TABLE sessions ADD COLUMN aal INTEGER NOT NULL DEFAULT 1;

-- Users with a second factor. A disabled one counts: otherwise wrong codes would switch it off.
CREATE VIEW enrolled (user_id) AS SELECT user_id FROM factors WHERE verified_at IS NOT NULL;

-- Live sessions that may see and change the second factors of their user: those that have shown one, if there is one.
CREATE VIEW factor_owners (sid, user_id, expires_at, is_enrolled, has_codes) AS
  SELECT sessions.id, user_id, expires_at,
    EXISTS (SELECT 1 FROM enrolled WHERE user_id = users.id),
    EXISTS (SELECT 1 FROM recovery_codes WHERE user_id = users.id)
  FROM sessions JOIN users ON users.id = user_id
  WHERE revoked_at IS NULL AND disabled_at IS NULL
    AND (aal = 2 OR NOT EXISTS (SELECT 1 FROM enrolled WHERE user_id = users.id));

-- What proves a second factor, once: a code of a later step than the last, or an unused recovery code. Also, for a
-- password change, an earlier session of the user that has shown one.
CREATE VIEW proofs (user_id, id, last_step) AS
  SELECT user_id, id, last_step FROM factors WHERE status = 'verified'
  UNION ALL SELECT user_id, code_hash, 0 FROM recovery_codes WHERE used_at IS NULL
  UNION ALL SELECT user_id, id, -1 FROM sessions WHERE aal = 2;

-- No session of a user with a second factor starts without it, whichever version of the Worker inserts it.
CREATE TRIGGER sessions_need_factor BEFORE INSERT ON sessions
WHEN new.aal = 1 AND EXISTS (SELECT 1 FROM enrolled WHERE user_id = new.user_id) BEGIN
  SELECT RAISE(IGNORE);
END;

-- A user has one unfinished enrolment, and at most 10 factors.
CREATE TRIGGER factors_limited BEFORE INSERT ON factors BEGIN
  DELETE FROM factors WHERE user_id = new.user_id AND verified_at IS NULL;
  SELECT RAISE(IGNORE) WHERE (SELECT count(*) FROM factors WHERE user_id = new.user_id) >= 10;
END;

-- With each new factor come new recovery codes.
CREATE TRIGGER factors_verified AFTER UPDATE OF verified_at ON factors BEGIN
  DELETE FROM recovery_codes WHERE user_id = new.user_id;
END;

-- Without a factor no session has one: where MFA demands it, its user must enrol again.
CREATE TRIGGER factors_last_removed AFTER DELETE ON factors
WHEN NOT EXISTS (SELECT 1 FROM enrolled WHERE user_id = old.user_id) BEGIN
  DELETE FROM recovery_codes WHERE user_id = old.user_id;
  UPDATE sessions SET aal = 1 WHERE user_id = old.user_id AND aal = 2;
END;

CREATE TRIGGER factors_of_removed AFTER DELETE ON users BEGIN
  DELETE FROM factors WHERE user_id = old.id;
END;
