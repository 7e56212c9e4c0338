-- Names of removed users, which nobody may give themselves: other services may know users by name.
CREATE TABLE IF NOT EXISTS removed_usernames (
  folded TEXT PRIMARY KEY NOT NULL -- as in `users`
) STRICT, WITHOUT ROWID;

CREATE TRIGGER users_removed AFTER DELETE ON users BEGIN
  REPLACE INTO removed_usernames (folded) VALUES (old.folded);
END;
