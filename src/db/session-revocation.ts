// The end of sessions in the `sessions` table: one function, one statement.

import { idsOf, run } from './query.ts'

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
 * Ends all sessions of all users; how many. One row stands for them in what `listRevoked` gives, since
 * every isolate keeps that in memory: access tokens of sessions that had begun by then are refused.
 * The sessions themselves only expire, so that they cannot be refreshed.
 */
export async function revokeEverySession(db: D1Database): Promise<number> {
  const { results } = await run<{ mark: number; now: number }>(
    db.prepare(
      `INSERT OR REPLACE INTO sessions
         (id, user_id, created_at, rotated_at, expires_at, revoked_at, user_agent, country)
       VALUES ('*' || unixepoch(), 0, unixepoch(), unixepoch(), 9999999999, unixepoch(), '', '')
       RETURNING rowid AS mark, created_at AS now`,
    ),
  )
  const [{ mark, now } = { mark: 0, now: 0 }] = results
  // In batches: D1 gives a statement 30 seconds. By an isolate whose clock is ahead, a session may have begun later.
  const expire = db
    .prepare(
      `UPDATE sessions SET expires_at = 0, revoked_at = iif(created_at > ?2, ?2, NULL)
       WHERE rowid IN (
         SELECT rowid FROM sessions
         WHERE expires_at > ?2 - 60 AND revoked_at IS NULL AND rowid < ?1 LIMIT ${BATCH_ROWS})`,
    )
    .bind(mark, now)
  let ended = 0
  for (let rows = BATCH_ROWS; rows === BATCH_ROWS; ended += rows)
    rows = (await run(expire)).meta.changes
  return ended
}

const BATCH_ROWS = 20000

/**
 * The ids of the sessions that were revoked at `since` or later; `*` with a time (unix seconds) is the
 * end of all that had begun by then.
 */
export async function listRevoked(db: D1Database, since: number): Promise<string[]> {
  const result = await run(db.prepare('SELECT id FROM sessions WHERE revoked_at >= ?1').bind(since))
  return idsOf(result)
}
