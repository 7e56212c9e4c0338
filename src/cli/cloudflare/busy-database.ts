// The local D1 while 'npm run dev' or another command writes to the same file.

import { setTimeout as sleep } from 'node:timers/promises'

type Statement = { sql: string; params: unknown[] }

const RETRY_MS = 50
const MAX_MS = 4000 // src/db gives up after 5 seconds

/** Repeats statements and batches that SQLite refused as busy: it has changed nothing then. */
export function retryWhenBusy(db: D1Database): D1Database {
  const toStatement = ({ sql, params }: Statement) => db.prepare(sql).bind(...params)
  const prepare = (sql: string, params: unknown[] = []) => ({
    sql,
    params,
    bind: (...values: unknown[]) => prepare(sql, values),
    all: () => retry(() => toStatement({ sql, params }).all()),
  })
  const batch = (statements: Statement[]) => retry(() => db.batch(statements.map(toStatement)))
  return { prepare, batch } as unknown as D1Database
}

async function retry<Result>(query: () => Promise<Result>): Promise<Result> {
  const end = Date.now() + MAX_MS
  for (;;) {
    try {
      return await query()
    } catch (error) {
      if (!/SQLITE_BUSY|database is locked/.test(String(error)) || Date.now() > end) throw error
      await sleep(RETRY_MS)
    }
  }
}
