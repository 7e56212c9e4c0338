// What the cron trigger deletes: sessions without a valid token, and failures that no longer count.

import { deleteCodes } from '../../db/codes.ts'
import { deleteCounters } from '../../db/login-failures.ts'
import { deleteSessions } from '../../db/sessions.ts'
import type { Isolate } from '../../isolate.ts'
import { CLOCK_SKEW_SECONDS } from './revoked-sessions.ts'

// D1 allows 50 statements per request on the Free plan, and 30 seconds per statement.
const MAX_BATCHES = 20
const BATCH_ROWS = 5000

/** Deletes up to 100,000 rows of each table; returns how many in all. */
export async function cleanUp({ db, settings }: Isolate, now: number): Promise<number> {
  const before = {
    expiredAt: now - CLOCK_SKEW_SECONDS,
    revokedAt: now - settings.ACCESS_TOKEN_SECONDS - CLOCK_SKEW_SECONDS,
  }
  const countedSince = now - settings.LOGIN_WINDOW_SECONDS
  const sessions = await inBatches(() => deleteSessions(db, before, BATCH_ROWS))
  const codes = await inBatches(() => deleteCodes(db, now, BATCH_ROWS))
  return sessions + codes + (await inBatches(() => deleteCounters(db, countedSince, BATCH_ROWS)))
}

async function inBatches(deleteBatch: () => Promise<number>): Promise<number> {
  let deleted = 0
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    const rows = await deleteBatch()
    deleted += rows
    if (rows < BATCH_ROWS) break
  }
  return deleted
}
