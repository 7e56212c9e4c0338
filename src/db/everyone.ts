// All sessions of all users, counted and revoked on the command line: nothing of it is in the Worker's bundle.

import { change, select } from './query.ts'
import { EVERYONE, NO_USER } from './session-revocation.ts'

const NEVER = 9_999_999_999
const BATCH_ROWS = 20_000

/** Returns how many live sessions there are, and of how many users. */
export async function countEveryone(db: D1Database): Promise<{ sessions: number; users: number }> {
  const sql = `SELECT count(*) AS sessions, count(DISTINCT user_id) AS users FROM sessions
    WHERE revoked_at IS NULL AND expires_at > unixepoch()`
  const [counts] = await select<{ sessions: number; users: number }>(db, sql, [])
  return counts ?? { sessions: 0, users: 0 }
}

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
