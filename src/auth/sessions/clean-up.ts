// What the cron trigger deletes: sessions without a valid token, failures that no longer count, and old events.

import { deleteOld, type OldRows } from '../../db/clean-up.ts'
import { DAY_SECONDS, LOGIN_SECONDS } from '../../db/login-failures.ts'
import type { Isolate } from '../../isolate.ts'
import { CLOCK_SKEW_SECONDS } from './revoked-sessions.ts'

/**
 * Deletes up to 100,000 sessions, 50,000 counters, as many devices, 25,000 events and 5,000 codes; returns how many.
 * D1 allows 50 statements per request on the Free plan, and 30 seconds per statement.
 */
export async function cleanUp({ db, settings }: Isolate, now: number): Promise<number> {
  const revokedAt =
    now - Math.max(settings.ACCESS_TOKEN_SECONDS, LOGIN_SECONDS) - CLOCK_SKEW_SECONDS
  const countedSince = now - Math.max(settings.LOGIN_WINDOW_SECONDS, DAY_SECONDS)
  const keptSince = now - settings.EVENT_DAYS * DAY_SECONDS
  const tables: OldRows[] = [
    { table: 'sessions', before: [now - CLOCK_SKEW_SECONDS, revokedAt], maxBatches: 20 },
    { table: 'codes', before: [now], maxBatches: 1 },
    { table: 'login_failures', before: [countedSince], maxBatches: 10 },
    { table: 'known_devices', before: [now], maxBatches: 10 },
    { table: 'events', before: [keptSince], maxBatches: 5 },
  ]
  let deleted = 0
  for (const rows of tables) deleted += await deleteOld(db, rows)
  return deleted
}
