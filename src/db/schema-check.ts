// Whether the database has the schema that this build needs.

import { AppError } from '../errors.ts'
import { MIGRATE, select } from './query.ts'

/** The newest file in `migrations`. Newer ones in the database are fine, since migrations only add. */
const NEWEST_MIGRATION = '0013_recovery_code_events.sql'

/** Throws `database_failed` when the database cannot respond or lacks a migration. */
export async function checkSchema(db: D1Database): Promise<void> {
  const sql = 'SELECT 1 FROM d1_migrations WHERE name = ?1'
  if ((await select(db, sql, [NEWEST_MIGRATION])).length > 0) return
  throw new AppError('database_failed', { reason: `${NEWEST_MIGRATION} is missing: ${MIGRATE}` })
}
