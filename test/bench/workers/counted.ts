// Latchkey with a D1 binding that counts. GET /__counts returns the totals so far.

import worker from '../../../src/index.ts'

const counts = { statements: 0, trips: 0, read: 0, written: 0 }

/** Adds the statements and rows of one round trip. */
function count(results: D1Result[]): void {
  counts.trips += 1
  counts.statements += results.length
  for (const { meta } of results) {
    counts.read += meta.rows_read
    counts.written += meta.rows_written
  }
}

/** Wraps the two D1 methods that src/db/query.ts calls, and counts them. */
function countCalls(db: D1Database) {
  const inner = new WeakMap<object, D1PreparedStatement>()
  return {
    prepare: (sql: string) => ({
      bind(...values: unknown[]) {
        const statement = db.prepare(sql).bind(...values)
        const countedStatement = {
          async all() {
            const result = await statement.all()
            count([result])
            return result
          },
        }
        inner.set(countedStatement, statement)
        return countedStatement
      },
    }),
    async batch(list: object[]) {
      const results = await db.batch(list.flatMap((one) => inner.get(one) ?? []))
      count(results)
      return results
    },
  }
}

let countedEnv: Env | undefined

export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname === '/__counts') return Response.json(counts)
    countedEnv ??= { ...env, DB: countCalls(env.DB) as unknown as D1Database }
    return worker.fetch(request, countedEnv, context)
  },
} satisfies ExportedHandler<Env>
