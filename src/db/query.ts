// The one gate to D1: every statement passes here, and every failure becomes `database_failed`.

import { AppError } from '../errors.ts'

type Value = string | number | null

/** Returns a statement for `runBatch`. `sql` is constant; `values` are bound to ?1, ?2 … */
export const prepare = (db: D1Database, sql: string, values: Value[]): D1PreparedStatement =>
  db.prepare(sql).bind(...values)

/** Returns the rows of a statement. Throws `database_failed` when D1 fails or takes over 5 seconds. */
export const select = async <Row>(db: D1Database, sql: string, values: Value[]): Promise<Row[]> =>
  (await withTimeout(() => prepare(db, sql, values).all<Row>())).results

/** Returns the number of rows that a statement has changed. Throws as `select` does. */
export const change = async (db: D1Database, sql: string, values: Value[]): Promise<number> =>
  (await withTimeout(() => prepare(db, sql, values).all())).meta.changes

/** Runs statements as one transaction, in one round trip: all of them or none. Throws as `select` does. */
export const runBatch = (
  db: D1Database,
  statements: D1PreparedStatement[],
  timeoutMs = TIMEOUT_MS,
): Promise<D1Result<unknown>[]> => withTimeout(() => db.batch(statements), timeoutMs)

/** What to do about a database without the newest migrations. */
export const MIGRATE = `run 'npm run db:migrate' (local) or 'npm run db:migrate:remote'`

const TIMEOUT_MS = 5000

async function withTimeout<Result>(
  query: () => Promise<Result>,
  timeoutMs = TIMEOUT_MS,
): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no response in ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([query(), timeout])
  } catch (error) {
    throw new AppError('database_failed', { reason: explain(error) })
  } finally {
    clearTimeout(timer)
  }
}

/** Returns the rows of a statement in a batch, whose columns only the caller knows. */
export const rowsOf = <Row>(result: D1Result<unknown> | undefined): Row[] =>
  (result?.results ?? []) as Row[]

export const idsOf = (result: D1Result<unknown> | undefined): string[] =>
  rowsOf<{ id: string }>(result).map(({ id }) => id)

/** Returns D1's own message, which never contains a bound value, and the command that fixes it. */
function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : 'unknown error'
  return /no such (table|column)/.test(text) ? `${text}: ${MIGRATE}` : text
}
