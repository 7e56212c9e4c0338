// What the cron trigger deletes: sessions of which no token can be alive, and failures that count no longer.

import type { Config } from '../../config.ts'
import { deleteCounters } from '../../db/login-failures.ts'
import { deleteSessions } from '../../db/sessions.ts'
import { MARGIN_SECONDS } from './sessions.ts'

// D1 takes 50 statements a request on the Free plan, and a statement of 30 seconds at most.
const MAX_BATCHES = 20
const BATCH_ROWS = 5000

/** Deletes up to 100,000 rows of each table; how many in all. */
export async function cleanUp(config: Config, now: number): Promise<number> {
  const before = {
    expiredAt: now - MARGIN_SECONDS,
    revokedAt: now - config.ACCESS_TOKEN_SECONDS - MARGIN_SECONDS,
  }
  const sessions = await inBatches(() => deleteSessions(config.DB, before, BATCH_ROWS))
  const countedSince = now - config.LOGIN_WINDOW_SECONDS
  return sessions + (await inBatches(() => deleteCounters(config.DB, countedSince, BATCH_ROWS)))
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
