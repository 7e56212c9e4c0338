// Whether the database has the schema that this build needs.

import { AppError } from '../errors.ts'
import { MIGRATE, run } from './query.ts'

/** The newest file in `migrations`. A database that has newer ones as well is fine: migrations only add. */
export const NEWEST = '0005_folded_usernames.sql'

/** Throws `database_failed` when the database cannot answer, or lacks a migration. */
export async function checkMigrations(db: D1Database): Promise<void> {
  const statement = db.prepare('SELECT 1 FROM d1_migrations WHERE name = ?1').bind(NEWEST)
  const { results } = await run(statement)
  if (!results.length) throw new AppError('database_failed', `${NEWEST} is missing: ${MIGRATE}`)
}
