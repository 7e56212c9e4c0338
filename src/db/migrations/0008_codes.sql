-- One-time codes with which users choose their password: an invitation, or a reset. One per user.
CREATE TABLE codes (
  user_id INTEGER PRIMARY KEY NOT NULL,
  code_hash TEXT NOT NULL UNIQUE, -- SHA-256 of the code, which has 130 random bits
  expires_at INTEGER NOT NULL, -- unix time (seconds)
  created_by TEXT NOT NULL -- the admin's username; '' on the command line
) STRICT;

CREATE INDEX codes_by_expiry ON codes (expires_at);

-- A code is used up by the statement that sets its user's password, over HTTP or on the command line.
CREATE TRIGGER codes_used AFTER UPDATE OF password_hash ON users BEGIN
  DELETE FROM codes WHERE user_id = NEW.id;
END;

CREATE TRIGGER codes_of_removed AFTER DELETE ON users BEGIN
  DELETE FROM codes WHERE user_id = OLD.id;
END;
