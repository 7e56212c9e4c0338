// A user's own change of their password: it ends all sessions and starts a new one, in one transaction.

import { prepare, runBatch } from './query.ts'
import { type Login, type Started, toStarted, toStatements } from './sessions.ts'

/** The session `sid` asks for it; `login` starts a new one with the new hash. */
type PasswordChange = { oldHash: string; sid: string; login: Login }

/**
 * Changes a user's password, revokes all of their sessions and starts a new one, with a second factor if the
 * old one had it, in one transaction. Returns undefined, and nothing is changed, when the password or the
 * session has changed in the meantime.
 */
export async function changePasswordHash(
  db: D1Database,
  { oldHash, sid, login }: PasswordChange,
  now: number,
): Promise<Started | undefined> {
  const { id, passwordHash } = login.user
  const update = `UPDATE users SET password_hash = ?3, changed_by = ?4
    WHERE id = ?1 AND password_hash = ?2 AND disabled_at IS NULL AND EXISTS (
      SELECT 1 FROM sessions
      WHERE id = ?4 AND user_id = ?1 AND revoked_at IS NULL AND expires_at > ?5
        AND (aal = 2 OR NOT EXISTS (SELECT 1 FROM enrolled WHERE user_id = ?1)))`
  const revokeAll = `UPDATE sessions SET revoked_at = ?3
    WHERE user_id = ?1 AND revoked_at IS NULL
      AND EXISTS (SELECT 1 FROM users WHERE id = ?1 AND password_hash = ?2)
    RETURNING id`
  const [, revoked, inserted] = await runBatch(db, [
    prepare(db, update, [id, oldHash, passwordHash, sid, now]),
    prepare(db, revokeAll, [id, passwordHash, now]),
    ...toStatements(db, { ...login, proof: { id: sid, step: 0 } }, now),
  ])
  return toStarted(inserted, revoked)
}
