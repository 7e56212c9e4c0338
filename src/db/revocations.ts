// The end of sessions in the `sessions` table: one function, one statement.

import { idsOf, run } from './run.ts'

/** Ends one session; false when it has ended already or there is none. */
export async function revokeSession(db: D1Database, id: string, now: number): Promise<boolean> {
  const { meta } = await run(
    db
      .prepare('UPDATE sessions SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL')
      .bind(id, now),
  )
  return meta.changes === 1
}

/** Ends a session of the same user as session `ownId`; false when there is no such live one. */
export async function revokeOwnSession(
  db: D1Database,
  { id, ownId }: { id: string; ownId: string },
  now: number,
): Promise<boolean> {
  const { meta } = await run(
    db
      .prepare(
        `UPDATE sessions SET revoked_at = ?3
         WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?3
           AND user_id = (SELECT user_id FROM sessions WHERE id = ?2)`,
      )
      .bind(id, ownId, now),
  )
  return meta.changes === 1
}

/** Ends the other sessions of the user of session `ownId`; their ids. */
export async function revokeOtherSessions(
  db: D1Database,
  ownId: string,
  now: number,
): Promise<string[]> {
  const result = await run(
    db
      .prepare(
        `UPDATE sessions SET revoked_at = ?2
         WHERE id <> ?1 AND revoked_at IS NULL AND expires_at > ?2
           AND user_id = (SELECT user_id FROM sessions WHERE id = ?1)
         RETURNING id`,
      )
      .bind(ownId, now),
  )
  return idsOf(result)
}

/** The statement that ends all sessions of a user, to stand in one batch with what is the reason. */
export const revokeSessionsOf = (db: D1Database, username: string, now: number) =>
  db
    .prepare(
      `UPDATE sessions SET revoked_at = ?2
       WHERE revoked_at IS NULL AND user_id = (SELECT id FROM users WHERE username = ?1)`,
    )
    .bind(username, now)

/** The ids of the sessions that were revoked at `since` or later. */
export async function listRevoked(db: D1Database, since: number): Promise<string[]> {
  const result = await run(db.prepare('SELECT id FROM sessions WHERE revoked_at >= ?1').bind(since))
  return idsOf(result)
}
