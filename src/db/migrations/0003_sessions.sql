-- One row a login. No token is stored, nor anything that makes one.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL, -- 128 random bits in base64url; the tokens' `sid`
  user_id INTEGER NOT NULL, -- no foreign key: a removed user's rows stay while a token may be alive
  generation INTEGER NOT NULL DEFAULT 0, -- how often it was refreshed; only the newest refresh token is good
  created_at INTEGER NOT NULL, -- unix time (seconds) of the login; the tokens' `auth_time`
  rotated_at INTEGER NOT NULL, -- unix time (seconds) of the last refresh; the refresh token's `iat`
  expires_at INTEGER NOT NULL, -- unix time (seconds); the refresh token's `exp`
  revoked_at INTEGER, -- unix time (seconds); NULL: not ended
  user_agent TEXT NOT NULL, -- shortened; '' where the client sent none
  country TEXT NOT NULL -- ISO 3166 code from Cloudflare; or ''
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_revoked ON sessions (revoked_at, id) WHERE revoked_at IS NOT NULL;
