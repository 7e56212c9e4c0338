// The `login_failures` table: how often a log-in has failed, and until when it is paused.

import { run, runBatch } from './query.ts'
import { selectUser, type User, userOf } from './users.ts'

/** What a try is counted under: the name and the address together, and the name alone. */
export type Counters = { pair: string; name: string }

/** How many failures each counter may have before it is paused, and how long they count (seconds). */
export type Limits = { pairMax: number; nameMax: number; windowSeconds: number }

/** Seconds of the first pause; each further failure doubles it, up to the longest. */
const FIRST_PAUSE = 60
const LONGEST_PAUSE = 3600

/**
 * Counts a try, as a failure until the password has proved right, and reads its user; one
 * transaction. While either counter is paused, nothing is counted: then how many seconds that lasts.
 * A counter begins anew `windowSeconds` after its last failure, or after the end of its pause.
 */
export async function countTry(
  db: D1Database,
  { pair, name }: Counters,
  username: string,
  { pairMax, nameMax, windowSeconds }: Limits,
  now: number,
): Promise<{ user: User | undefined } | { retryAfter: number }> {
  const [paused, counted, found] = await runBatch(db, [
    db
      .prepare('SELECT max(paused_until) AS until FROM login_failures WHERE key IN (?1, ?2)')
      .bind(pair, name),
    db
      .prepare(
        `INSERT OR REPLACE INTO login_failures (key, failures, failed_at, paused_until)
         SELECT key, failures, ?5,
           iif(failures < max, 0, ?5 + min(${LONGEST_PAUSE}, ${FIRST_PAUSE} << min(failures - max, 6)))
         FROM (
           SELECT counter.key, counter.max,
             iif(max(old.failed_at, old.paused_until) + ?6 > ?5, old.failures, 0) + 1 AS failures
           FROM (SELECT ?1 AS key, ?3 AS max UNION ALL SELECT ?2, ?4) AS counter
           LEFT JOIN login_failures AS old ON old.key = counter.key
         )
         WHERE NOT EXISTS (
           SELECT 1 FROM login_failures WHERE key IN (?1, ?2) AND paused_until > ?5)
         RETURNING key`,
      )
      .bind(pair, name, pairMax, nameMax, now, windowSeconds),
    selectUser(db, username),
  ])
  if (counted?.results.length === 2) return { user: userOf(found) }
  const [row] = (paused?.results ?? []) as { until: number | null }[]
  return { retryAfter: Math.max(1, (row?.until ?? now) - now) }
}

/**
 * The statements that take a try back whose password was right, with the pause that it may have begun,
 * to stand in the batch that follows: who has come in must not be kept out by that very try.
 */
export const takeBackTry = (db: D1Database, { pair, name }: Counters) => [
  db.prepare('DELETE FROM login_failures WHERE key = ?1').bind(pair),
  db
    .prepare(
      `UPDATE login_failures SET failures = failures - 1, paused_until = 0
       WHERE key = ?1 AND failures > 0`,
    )
    .bind(name),
]

/** Deletes up to `limit` counters that have counted nothing since then; how many. */
export async function deleteCounters(
  db: D1Database,
  countedSince: number,
  limit: number,
): Promise<number> {
  const { meta } = await run(
    db
      .prepare(
        `DELETE FROM login_failures WHERE key IN (
           SELECT key FROM login_failures WHERE paused_until < ?1 AND failed_at < ?1 LIMIT ?2
         )`,
      )
      .bind(countedSince, limit),
  )
  return meta.changes
}
