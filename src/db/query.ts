// The one gate to D1: every statement passes here, and every failure leaves as one kind of error.

import { AppError } from '../errors.ts'

/** Runs a statement. A database that cannot answer in time is `database_failed`. */
export const run = <Row>(statement: D1PreparedStatement): Promise<D1Result<Row>> =>
  inTime(() => statement.all<Row>())

/** Runs statements as one transaction, in one round trip: all of them or none. */
export const runBatch = (
  db: D1Database,
  statements: D1PreparedStatement[],
  timeoutMs = TIMEOUT_MS,
): Promise<D1Result<unknown>[]> => inTime(() => db.batch(statements), timeoutMs)

/** What a database that is not migrated asks for. */
export const MIGRATE = `run 'npm run db:migrate' (local) or 'npm run db:migrate:remote'`

const TIMEOUT_MS = 5000

async function inTime<Result>(ask: () => Promise<Result>, timeoutMs = TIMEOUT_MS): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([ask(), tooLate])
  } catch (error) {
    throw new AppError('database_failed', explain(error))
  } finally {
    clearTimeout(timer)
  }
}

/** The ids that a statement gave back. */
export const idsOf = (result: D1Result<unknown> | undefined): string[] =>
  ((result?.results ?? []) as { id: string }[]).map(({ id }) => id)

/** D1's own text (it never holds a bound value) and, where it is known, the command that mends it. */
function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : 'unknown error'
  return /no such (table|column)/.test(text) ? `${text}: ${MIGRATE}` : text
}
