// The end of sessions in the `sessions` table: one function, one statement.

import { idsOf, LONG_TIMEOUT_MS, run, runBatch } from './run.ts'

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

/**
 * Ends all sessions of all users, by the clock of the database. They only expire, and one row stands
 * for their end in what `listRevoked` gives: every isolate keeps that in memory.
 */
export async function revokeEverySession(db: D1Database): Promise<number> {
  const [ended] = await runBatch(
    db,
    [
      db.prepare(
        `UPDATE sessions SET expires_at = unixepoch()
         WHERE expires_at > unixepoch() AND revoked_at IS NULL`,
      ),
      db.prepare(
        `INSERT INTO sessions
           (id, user_id, created_at, rotated_at, expires_at, revoked_at, user_agent, country)
         VALUES ('*' || unixepoch(), 0, unixepoch(), unixepoch(), 9999999999, unixepoch(), '', '')
         ON CONFLICT DO NOTHING`,
      ),
    ],
    LONG_TIMEOUT_MS,
  )
  return ended?.meta.changes ?? 0
}

/**
 * The ids of the sessions that were revoked at `since` or later; `*` with a time (unix seconds) is the
 * end of all that had begun by then.
 */
export async function listRevoked(db: D1Database, since: number): Promise<string[]> {
  const result = await run(db.prepare('SELECT id FROM sessions WHERE revoked_at >= ?1').bind(since))
  return idsOf(result)
}
