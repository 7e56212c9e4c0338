-- One-time codes with which users choose their password: an invitation, or a reset. One per user.
CREATE TABLE codes (
  user_id INTEGER PRIMARY KEY NOT NULL,
  code_hash TEXT NOT NULL UNIQUE, -- SHA-256 of the code, which has 130 random bits
  expires_at INTEGER NOT NULL, -- unix time (seconds)
  created_by TEXT NOT NULL -- the admin's username; '' on the command line
) STRICT;

CREATE INDEX codes_by_expiry ON codes (expires_at);
CREATE INDEX codes_by_creator ON codes (created_by);

-- A code is used up by the statement that sets its user's password, over HTTP or on the command line. It is not
-- valid again when a disabled user is enabled.
CREATE TRIGGER codes_used AFTER UPDATE OF password_hash, disabled_at ON users
WHEN new.password_hash <> old.password_hash OR new.disabled_at IS NOT NULL BEGIN
  DELETE FROM codes WHERE user_id = new.id;
END;

-- An admin who has lost that role must not get back in with a code that they have created before.
CREATE TRIGGER codes_of_former_admin AFTER UPDATE OF roles, disabled_at ON users
WHEN instr(new.roles, '"admin"') = 0 OR new.disabled_at IS NOT NULL BEGIN
  DELETE FROM codes WHERE created_by = new.username;
END;

CREATE TRIGGER codes_of_removed AFTER DELETE ON users BEGIN
  DELETE FROM codes WHERE user_id = old.id OR created_by = old.username;
END;
