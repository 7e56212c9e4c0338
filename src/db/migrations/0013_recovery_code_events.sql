-- A login with a recovery code is an event of its own: its owner sees that somebody has one.
ALTER TABLE recovery_codes ADD COLUMN used_by TEXT; -- the session that it started

CREATE TRIGGER events_of_recovery_code AFTER UPDATE OF used_by ON recovery_codes BEGIN
  INSERT INTO new_events (event, user_id, by_session)
  VALUES ('recovery_code.used', new.user_id, new.used_by);
END;
