// The `login_failures` table: how many logins have failed, and until when a counter is locked.

import { change, prepare, runBatch } from './query.ts'
import { selectUser, type User, userOf } from './users.ts'

/** The keys that an attempt is counted under: username and address together, and the username alone. */
export type Counters = { byAddress: string; byUsername: string }

/** Failures allowed per counter before it is locked, and for how many seconds they count. */
type Limits = {
  maxFailuresPerAddress: number
  maxFailuresPerUsername: number
  windowSeconds: number
}

/** Each further failure doubles the lockout, up to the maximum. */
const FIRST_LOCKOUT_SECONDS = 60
const MAX_LOCKOUT_SECONDS = 3600

type Attempt = { counters: Counters; username: string; limits: Limits }

/** Counts a failure under both keys, and locks those over their limit, unless one is locked already. */
const COUNT = `INSERT OR REPLACE INTO login_failures (key, failures, failed_at, paused_until)
  SELECT key, failures, ?5,
    iif(failures < max, 0,
      ?5 + min(${MAX_LOCKOUT_SECONDS}, ${FIRST_LOCKOUT_SECONDS} << min(failures - max, 6)))
  FROM (
    SELECT counter.key, counter.max,
      iif(max(old.failed_at, old.paused_until) + ?6 > ?5, old.failures, 0) + 1 AS failures
    FROM (SELECT ?1 AS key, ?3 AS max UNION ALL SELECT ?2, ?4) AS counter
    LEFT JOIN login_failures AS old ON old.key = counter.key
  )
  WHERE NOT EXISTS (SELECT 1 FROM login_failures WHERE key IN (?1, ?2) AND paused_until > ?5)
  RETURNING key`

/**
 * Counts an attempt, as a failure until the password proves right, and reads its user, in one
 * transaction. While either counter is locked nothing is counted, and the remaining seconds are
 * returned. A counter starts again `windowSeconds` after its last failure or lockout.
 */
export async function countAttempt(
  db: D1Database,
  { counters: { byAddress, byUsername }, username, limits }: Attempt,
  now: number,
): Promise<{ user: User | undefined } | { retryAfter: number }> {
  const { maxFailuresPerAddress, maxFailuresPerUsername, windowSeconds } = limits
  const readLock = 'SELECT max(paused_until) AS until FROM login_failures WHERE key IN (?1, ?2)'
  const keys = [byAddress, byUsername]
  const values = [...keys, maxFailuresPerAddress, maxFailuresPerUsername, now, windowSeconds]
  const [locked, counted, found] = await runBatch(db, [
    prepare(db, readLock, keys),
    prepare(db, COUNT, values),
    selectUser(db, username),
  ])
  if (counted?.results.length === 2) return { user: userOf(found) }
  const [row] = (locked?.results ?? []) as { until: number | null }[]
  return { retryAfter: Math.max(1, (row?.until ?? now) - now) }
}

/**
 * Returns the statements that take back an attempt whose password was right, with the lockout that it
 * may have started: a login must not be locked out by its own attempt.
 */
export const clearFailures = (db: D1Database, { byAddress, byUsername }: Counters) => {
  const decrement = `UPDATE login_failures SET failures = failures - 1, paused_until = 0
    WHERE key = ?1 AND failures > 0`
  return [
    prepare(db, 'DELETE FROM login_failures WHERE key = ?1', [byAddress]),
    prepare(db, decrement, [byUsername]),
  ]
}

/** Deletes up to `limit` counters that have counted nothing since `countedSince`; returns how many. */
export function deleteCounters(
  db: D1Database,
  countedSince: number,
  limit: number,
): Promise<number> {
  const sql = `DELETE FROM login_failures WHERE key IN (
      SELECT key FROM login_failures WHERE paused_until < ?1 AND failed_at < ?1 LIMIT ?2
    )`
  return change(db, sql, [countedSince, limit])
}
