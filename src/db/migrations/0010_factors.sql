-- Second factors: authenticator apps (TOTP, RFC 6238) and recovery codes.
CREATE TABLE factors (
  id TEXT PRIMARY KEY NOT NULL, -- 128 random bits in base64url
  user_id INTEGER NOT NULL,
  friendly_name TEXT NOT NULL,
  sealed_seed TEXT NOT NULL, -- the id of a key, and the seed encrypted with that key for this user
  created_at INTEGER NOT NULL, -- unix time (seconds)
  verified_at INTEGER, -- unix time (seconds); NULL: enrolment is unfinished, and the factor does not count
  last_step INTEGER NOT NULL DEFAULT 0, -- of the last code that was accepted; only grows
  wrong_codes INTEGER NOT NULL DEFAULT 0, -- since the last code that was accepted
  disabled_at INTEGER -- unix time (seconds), after too many wrong codes; the user still needs a second factor
) STRICT;

CREATE INDEX factors_by_user ON factors (user_id);
CREATE INDEX factors_verified ON factors (user_id) WHERE verified_at IS NOT NULL;

CREATE TABLE recovery_codes (
  code_hash TEXT PRIMARY KEY NOT NULL, -- SHA-256 of the code, which has 120 random bits
  user_id INTEGER NOT NULL,
  used_at INTEGER -- unix time (seconds); NULL: still valid
) STRICT, WITHOUT ROWID;

CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id, used_at);

-- 2: the session has shown a second factor. The tokens' `amr` and `acr`.
ALTER TABLE sessions ADD COLUMN aal INTEGER NOT NULL DEFAULT 1;

-- Users with a second factor. A disabled one counts: otherwise wrong codes would switch it off.
CREATE VIEW enrolled (user_id) AS SELECT user_id FROM factors WHERE verified_at IS NOT NULL;

-- What proves a second factor, once: a code of a later step than the last, an unused recovery code; or another
-- session of the user that has shown one, for a password change.
CREATE VIEW proofs (user_id, id, last_step) AS
  SELECT user_id, id, last_step FROM factors WHERE verified_at IS NOT NULL AND disabled_at IS NULL
  UNION ALL SELECT user_id, code_hash, 0 FROM recovery_codes WHERE used_at IS NULL
  UNION ALL SELECT user_id, id, 0 FROM sessions WHERE aal = 2;

-- No session of a user with a second factor starts without it, whichever version of the Worker inserts it.
CREATE TRIGGER sessions_need_factor BEFORE INSERT ON sessions
WHEN new.aal = 1 AND EXISTS (SELECT 1 FROM enrolled WHERE user_id = new.user_id) BEGIN
  SELECT RAISE(IGNORE);
END;

CREATE TRIGGER factors_last_removed AFTER DELETE ON factors
WHEN NOT EXISTS (SELECT 1 FROM enrolled WHERE user_id = old.user_id) BEGIN
  DELETE FROM recovery_codes WHERE user_id = old.user_id;
END;

CREATE TRIGGER factors_of_removed AFTER DELETE ON users BEGIN
  DELETE FROM factors WHERE user_id = old.id;
END;
