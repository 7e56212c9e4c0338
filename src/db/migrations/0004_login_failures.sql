-- Failed logins that still count: by username and address together, and by username alone.
CREATE TABLE login_failures (
  key TEXT PRIMARY KEY NOT NULL, -- SHA-256 of what is counted, in base64url: names may not exist
  failures INTEGER NOT NULL, -- tries that have failed, or whose password is just being checked
  failed_at INTEGER NOT NULL, -- unix time (seconds) of the last one
  paused_until INTEGER NOT NULL -- unix time (seconds); before it, further tries are refused
) STRICT, WITHOUT ROWID;

CREATE INDEX login_failures_by_time ON login_failures (paused_until, failed_at);
