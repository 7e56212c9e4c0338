CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, even after a removal
  username TEXT NOT NULL UNIQUE, -- NFC, compared byte for byte; the token's `sub`
  password_hash TEXT NOT NULL, -- PHC string: $argon2id$v=19$m=…,t=…,p=…$salt$hash
  roles TEXT NOT NULL DEFAULT '[]' CHECK (json_type(roles) = 'array'), -- JSON array of strings
  created_at INTEGER NOT NULL, -- unix time (seconds)
  disabled_at INTEGER -- unix time (seconds); NULL: may log in
) STRICT;
