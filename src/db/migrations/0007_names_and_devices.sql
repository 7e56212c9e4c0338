-- Names of removed users, which nobody may give themselves: other services may know users by name.
CREATE TABLE IF NOT EXISTS removed_usernames (
  folded TEXT PRIMARY KEY NOT NULL -- as in `users`
) STRICT, WITHOUT ROWID;

CREATE TRIGGER users_removed AFTER DELETE ON users BEGIN
  REPLACE INTO removed_usernames (folded) VALUES (old.folded);
END;

-- From where users have logged in: lockouts that others have caused do not apply there.
CREATE TABLE IF NOT EXISTS known_devices (
  key TEXT PRIMARY KEY NOT NULL, -- a keyed hash of network, user agent and username
  expires_at INTEGER NOT NULL -- unix time (seconds): 30 days after the last login, give or take a day
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS known_devices_by_expiry ON known_devices (expires_at);
