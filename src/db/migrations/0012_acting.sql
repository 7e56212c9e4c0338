-- 1 only within the transaction of a change that this session makes, so that it may revoke itself there.
ALTER TABLE sessions ADD COLUMN is_acting INTEGER NOT NULL DEFAULT 0;
