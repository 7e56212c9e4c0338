// What the cron trigger deletes: sessions without a valid token, failures that no longer count, and old events.

import { deleteCodes } from '../../db/codes.ts'
import { deleteEvents } from '../../db/events.ts'
import { DAY_SECONDS, deleteCounters } from '../../db/login-failures.ts'
import { LOGIN_SECONDS } from '../../db/login-limit.ts'
import { deleteSessions } from '../../db/sessions.ts'
import type { Isolate } from '../../isolate.ts'
import { CLOCK_SKEW_SECONDS } from './revoked-sessions.ts'

// D1 allows 50 statements per request on the Free plan, and 30 seconds per statement.
const MAX_BATCHES = 20 // half as many of two statements
const BATCH_ROWS = 5000

/** Deletes up to 100,000 rows of each table, and 25,000 events; returns how many in all. */
export async function cleanUp({ db, settings }: Isolate, now: number): Promise<number> {
  const before = {
    expiredAt: now - CLOCK_SKEW_SECONDS,
    revokedAt: now - Math.max(settings.ACCESS_TOKEN_SECONDS, LOGIN_SECONDS) - CLOCK_SKEW_SECONDS,
  }
  const countedSince = now - Math.max(settings.LOGIN_WINDOW_SECONDS, DAY_SECONDS)
  const expired = { countedSince, knownUntil: now }
  const sessions = await inBatches(MAX_BATCHES, () => deleteSessions(db, before, BATCH_ROWS))
  const codes = await deleteCodes(db, now, BATCH_ROWS)
  const counters = await inBatches(MAX_BATCHES / 2, () => deleteCounters(db, expired, BATCH_ROWS))
  const keptSince = now - settings.EVENT_DAYS * DAY_SECONDS
  const events = await inBatches(MAX_BATCHES / 4, () => deleteEvents(db, keptSince, BATCH_ROWS))
  return sessions + codes + counters + events
}

async function inBatches(max: number, deleteBatch: () => Promise<number>): Promise<number> {
  let deleted = 0
  for (let batch = 0; batch < max; batch += 1) {
    const rows = await deleteBatch()
    deleted += rows
    if (rows < BATCH_ROWS) break
  }
  return deleted
}
