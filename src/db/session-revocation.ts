// Revoking sessions in the `sessions` table: one function, one statement.

import { change, select } from './query.ts'

/** Revokes one session; returns false when it is revoked already or does not exist. */
export async function markRevoked(db: D1Database, id: string, now: number): Promise<boolean> {
  const sql = 'UPDATE sessions SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL'
  return (await change(db, sql, [id, now])) === 1
}

/** Revokes a live session of the same user as session `ownId`; returns false when it does not exist. */
export async function markOwnRevoked(
  db: D1Database,
  { id, ownId }: { id: string; ownId: string },
  now: number,
): Promise<boolean> {
  const sql = `UPDATE sessions SET revoked_at = ?3
    WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?3
      AND user_id = (SELECT user_id FROM sessions WHERE id = ?2)`
  return (await change(db, sql, [id, ownId, now])) === 1
}

/** Revokes the other sessions of the user of session `ownId`; returns their ids. */
export async function markOthersRevoked(
  db: D1Database,
  ownId: string,
  now: number,
): Promise<string[]> {
  const sql = `UPDATE sessions SET revoked_at = ?2
    WHERE id <> ?1 AND revoked_at IS NULL AND expires_at > ?2
      AND user_id = (SELECT user_id FROM sessions WHERE id = ?1)
    RETURNING id`
  return (await select<{ id: string }>(db, sql, [ownId, now])).map(({ id }) => id)
}

/** A row whose id is this and a Unix time revokes every session that had started by then. */
const EVERYONE = '*'
/** Belongs to no user: ids of users start at 1. */
export const NO_USER = 0
const NEVER = 9_999_999_999
const BATCH_ROWS = 20_000

/**
 * Revokes all sessions of all users; returns how many. One row represents them in `listRevoked`,
 * because every isolate keeps that list in memory. The sessions themselves are expired, so that
 * they cannot be refreshed.
 */
export async function markEveryoneRevoked(db: D1Database): Promise<number> {
  const insert = `INSERT OR REPLACE INTO sessions
      (id, user_id, created_at, rotated_at, expires_at, revoked_at, user_agent, country)
    VALUES ('${EVERYONE}' || unixepoch(), ${NO_USER}, unixepoch(), unixepoch(), ${NEVER},
      unixepoch(), '', '')
    RETURNING rowid AS mark, created_at AS now`
  const [{ mark, now } = { mark: 0, now: 0 }] = await select<{ mark: number; now: number }>(
    db,
    insert,
    [],
  )
  // In batches, since D1 stops a statement after 30 seconds. A session may have started "later" than
  // `now` by an isolate whose clock is ahead.
  const expire = `UPDATE sessions SET expires_at = 0, revoked_at = iif(created_at > ?2, ?2, NULL)
    WHERE rowid IN (
      SELECT rowid FROM sessions
      WHERE expires_at > ?2 - 60 AND revoked_at IS NULL AND rowid < ?1 LIMIT ${BATCH_ROWS})`
  let revoked = 0
  for (let rows = BATCH_ROWS; rows === BATCH_ROWS; revoked += rows)
    rows = await change(db, expire, [mark, now])
  return revoked
}

/** Session ids, and the Unix time up to which every session that had started is revoked. */
export type RevokedList = { ids: string[]; revokedBefore: number }

/** Returns the sessions that were revoked at `since` or later. */
export async function listRevoked(db: D1Database, since: number): Promise<RevokedList> {
  const sql = 'SELECT id FROM sessions WHERE revoked_at >= ?1'
  const rows = (await select<{ id: string }>(db, sql, [since])).map(({ id }) => id)
  const times = rows.flatMap((id) => (id.startsWith(EVERYONE) ? Number(id.slice(1)) : []))
  const ids = rows.filter((id) => !id.startsWith(EVERYONE))
  return { ids, revokedBefore: Math.max(0, ...times) }
}
