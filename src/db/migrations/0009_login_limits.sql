-- When users have started the hundredth of their newest sessions; NULL for fewer. Each login may revoke a session, and
-- every isolate reads what is revoked: so a user may log in 100 times in 15 minutes.
CREATE VIEW login_limits (user_id, hundredth_at) AS
  SELECT id, (
    SELECT created_at FROM sessions WHERE user_id = users.id
    ORDER BY created_at DESC LIMIT 1 OFFSET 99
  )
  FROM users;
