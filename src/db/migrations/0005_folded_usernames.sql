-- Finds users regardless of case, and rejects usernames that differ only in case.
ALTER TABLE users ADD COLUMN folded TEXT; -- the username in one case, by `foldUsername`

-- SQLite folds ASCII alone. Twins who are there already stay: no name holds a control character.
UPDATE users SET folded = lower(username) || iif(twin.number = 1, '', char(31) || users.id)
FROM (
  SELECT id, row_number() OVER (PARTITION BY lower(username) ORDER BY id) AS number FROM users
) AS twin
WHERE twin.id = users.id;

CREATE UNIQUE INDEX users_by_folded ON users (folded);

-- Whether an admin would be left is asked before one goes.
CREATE INDEX users_admins ON users (username) WHERE disabled_at IS NULL AND instr(roles, '"admin"') > 0;

-- A version from before this migration knows nothing of the column.
CREATE TRIGGER users_folded AFTER INSERT ON users WHEN new.folded IS NULL BEGIN
  UPDATE users SET folded = lower(username) || char(31) || id WHERE id = new.id;
END;
