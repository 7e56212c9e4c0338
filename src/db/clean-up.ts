// What the clean-up deletes of each table, a batch at a time.

import { change } from './query.ts'

const BATCH_ROWS = 5000

/** ?1, and ?2 of sessions, are Unix times. */
const DELETE_OLD = {
  // A revocation stays for as long as isolates must learn of it, also where it made the session expire.
  sessions: `DELETE FROM sessions WHERE rowid IN (
    SELECT rowid FROM sessions WHERE expires_at < ?1 AND revoked_at IS NULL
    UNION ALL SELECT rowid FROM sessions WHERE revoked_at < ?2 LIMIT ${BATCH_ROWS})`,
  codes: `DELETE FROM codes WHERE user_id IN (
    SELECT user_id FROM codes WHERE expires_at <= ?1 LIMIT ${BATCH_ROWS})`,
  login_failures: `DELETE FROM login_failures WHERE key IN (
    SELECT key FROM login_failures WHERE paused_until < ?1 AND failed_at < ?1 LIMIT ${BATCH_ROWS})`,
  known_devices: `DELETE FROM known_devices WHERE key IN (
    SELECT key FROM known_devices WHERE expires_at <= ?1 LIMIT ${BATCH_ROWS})`,
  events: `DELETE FROM events WHERE id IN (
    SELECT id FROM events WHERE id < ?1 * 1000000 LIMIT ${BATCH_ROWS})`,
}

/** `before` are Unix times. */
export type OldRows = { table: keyof typeof DELETE_OLD; before: number[]; maxBatches: number }

/** Deletes up to `maxBatches` batches of old rows; returns how many rows. */
export async function deleteOld(db: D1Database, { table, before, maxBatches }: OldRows) {
  let deleted = 0
  for (let batch = 0; batch < maxBatches; batch += 1) {
    const rows = await change(db, DELETE_OLD[table], before)
    deleted += rows
    if (rows < BATCH_ROWS) break
  }
  return deleted
}
