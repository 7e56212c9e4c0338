// The one gate to D1: every statement passes here, and every failure leaves as one kind of error.

import { AppError } from '../errors.ts'

/** Runs a statement. A database that cannot answer is `database_failed`. */
export async function run<Row>(statement: D1PreparedStatement): Promise<D1Result<Row>> {
  try {
    return await statement.all<Row>()
  } catch (error) {
    throw new AppError('database_failed', explain(error))
  }
}

/** Runs statements as one transaction, in one round trip: all of them or none. */
export async function runBatch(
  db: D1Database,
  statements: D1PreparedStatement[],
): Promise<D1Result<unknown>[]> {
  try {
    return await db.batch(statements)
  } catch (error) {
    throw new AppError('database_failed', explain(error))
  }
}

/** The ids that a statement gave back. */
export const idsOf = (result: D1Result<unknown> | undefined): string[] =>
  ((result?.results ?? []) as { id: string }[]).map(({ id }) => id)

/** D1's own text (it never holds a bound value) and, where it is known, the command that mends it. */
function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : 'unknown error'
  return text.includes('no such table')
    ? `${text}: run 'npm run db:migrate' (local) or 'npm run db:migrate:remote'`
    : text
}
