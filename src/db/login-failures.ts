// The `login_failures` table: how many logins have failed, and until when a counter is locked.

import { AppError } from '../errors.ts'
import { change, prepare, rowsOf, runBatch, select } from './query.ts'
import { selectUser, type User, userOf } from './users.ts'

/**
 * A counter locks when it reaches `max`. It starts again `windowSeconds` after its last failure or lockout; with
 * 0, its failures decay evenly over a day.
 */
export type Counter = [key: string, max: number, windowSeconds: number]

/** Where something is done from: a network, and an ISO 3166 code. */
export type Place = { address: string; country: string }

/** `device` is the key of a counter that a device has for itself, once its user has logged in from it. */
type Attempt = Place & { counters: Counter[]; device: string; username: string }
/** The keys that an attempt was counted under; a right password empties those in `own`. */
export type Counters = { device: string; counted: string[]; own: string[] }

/** Each further failure doubles the lockout, up to the maximum. */
const FIRST_LOCKOUT_SECONDS = 60
const MAX_LOCKOUT_SECONDS = 3600
export const DAY_SECONDS = 86_400
const KNOWN_SECONDS = 2_592_000 // 30 days
/** For how long a session is kept after its login, so that it is counted: the view in 0009_login_limits.sql. */
export const LOGIN_SECONDS = 900

/** The counters of an attempt: a known device has only its own, so that nobody else can lock it out. */
const COUNTERS = `SELECT value ->> 0 AS key, value ->> 1 AS max, value ->> 2 AS window
  FROM json_each(?1)
  WHERE (value ->> 0 = ?2) =
    EXISTS (SELECT 1 FROM known_devices WHERE known_devices.key = ?2 AND expires_at > ?3)`

/** Until when an attempt is rejected: a counter is locked, or its user has logged in too often. */
const LOCKED = `SELECT paused_until AS until FROM login_failures
  WHERE paused_until > ?3 AND key IN (SELECT key FROM (${COUNTERS}))
  UNION ALL SELECT hundredth_at + ${LOGIN_SECONDS} FROM login_limits
  WHERE user_id = (SELECT id FROM users WHERE username = ?4) AND hundredth_at > ?3 - ${LOGIN_SECONDS}`

/** Counts a failure under each key, and locks those that reach their limit, unless one is locked already. */
const COUNT = `INSERT OR REPLACE INTO login_failures (key, failures, failed_at, paused_until, lockout)
  SELECT key, failures + 1,
    iif(window > 0, ?3, ?3 - age * max % ${DAY_SECONDS} / max), -- what has not decayed yet
    iif(failures + 1 < max, 0,
      ?3 + min(${MAX_LOCKOUT_SECONDS}, ${FIRST_LOCKOUT_SECONDS} << min(failures + 1 - max, 6))),
    iif(failures + 1 < max, NULL, (SELECT json_array(id, ?5, ?6) FROM users WHERE username = ?4))
  FROM (
    SELECT key, max, window, age, iif(window > 0,
      iif(max(failed_at, paused_until) + window > ?3, failures, 0),
      max(0, failures - age * max / ${DAY_SECONDS})) AS failures
    FROM (
      SELECT counter.key, max, window, coalesce(failures, 0) AS failures, failed_at, paused_until,
        CAST(coalesce(?3 - failed_at, 0) AS INTEGER) AS age -- D1 binds numbers as floats
      FROM (${COUNTERS}) AS counter
      LEFT JOIN login_failures AS old ON old.key = counter.key
    )
  )
  WHERE NOT EXISTS (${LOCKED}) RETURNING key`

/**
 * Counts an attempt, as a failure until the password proves right, and reads its user, in one
 * transaction. While one of its counters is locked, or its user has logged in too often, nothing is counted, and
 * the remaining seconds are returned.
 */
export async function countAttempt(
  db: D1Database,
  { counters, device, username, address, country }: Attempt,
  now: number,
): Promise<{ user: User | undefined; counters: Counters } | { retryAfter: number }> {
  const values = [JSON.stringify(counters), device, now, username]
  const [counted, found] = await runBatch(db, [
    prepare(db, COUNT, [...values, address, country]),
    selectUser(db, username),
  ])
  const keys = rowsOf<{ key: string }>(counted).map(({ key }) => key)
  const own = counters.flatMap(([key, , windowSeconds]) => (windowSeconds > 0 ? key : []))
  if (keys.length > 0) return { user: userOf(found), counters: { device, counted: keys, own } }
  const readLock = `SELECT max(until) AS until FROM (${LOCKED})`
  const [row] = await select<{ until: number | null }>(db, readLock, values)
  return { retryAfter: Math.max(1, (row?.until ?? now) - now) }
}

/** Throws `too_many_attempts` for a user who has logged in 100 times in 15 minutes. */
export async function requireFewLogins(db: D1Database, userId: number, now: number): Promise<void> {
  const sql = `SELECT hundredth_at + ${LOGIN_SECONDS} AS until FROM login_limits
    WHERE user_id = ?1 AND hundredth_at > ?2 - ${LOGIN_SECONDS}`
  const [row] = await select<{ until: number }>(db, sql, [userId, now])
  if (row) throw new AppError('too_many_attempts', { retryAfter: row.until - now })
}

const DECREMENT = `UPDATE login_failures SET paused_until = 0,
    failures = iif(key IN (SELECT value FROM json_each(?2)), 0, max(0, failures - 1))
  WHERE key IN (SELECT value FROM json_each(?1))
    AND (?3 IS NULL OR EXISTS (SELECT 1 FROM sessions WHERE id = ?3))`

/** Takes back an attempt that was not wrong and did not succeed. Earlier failures stay. */
export const takeBackAttempt = (db: D1Database, { counted }: Counters): Promise<number> =>
  change(db, DECREMENT, [JSON.stringify(counted), '[]', null])

/**
 * Returns the statements that take back an attempt that succeeded, with the lockout that it may have
 * started: a login must not be locked out by its own attempt. Its device is known from then on. With `sid`, only
 * if that session has started.
 */
export const clearFailures = (
  db: D1Database,
  { device, counted, own, sid }: Counters & { sid?: string | undefined },
  now: number,
): D1PreparedStatement[] => {
  // Written once a day at most.
  const know = `INSERT INTO known_devices (key, expires_at) SELECT ?1, ?2
    WHERE ?3 IS NULL OR EXISTS (SELECT 1 FROM sessions WHERE id = ?3)
    ON CONFLICT (key) DO UPDATE SET expires_at = ?2 WHERE expires_at < ?2 - ${DAY_SECONDS}`
  return [
    prepare(db, DECREMENT, [JSON.stringify(counted), JSON.stringify(own), sid ?? null]),
    prepare(db, know, [device, now + KNOWN_SECONDS, sid ?? null]),
  ]
}
