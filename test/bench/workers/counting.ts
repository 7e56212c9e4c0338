// A D1 binding that counts, for the Workers of the benchmark.

export type Counts = { statements: number; trips: number; read: number; written: number }

/** Wraps the two D1 methods that src/db/query.ts calls, and adds their statements and rows to `counts`. */
export function countCalls(db: D1Database, counts: Counts): D1Database {
  const inner = new WeakMap<object, D1PreparedStatement>()
  const count = (results: D1Result[]) => {
    counts.trips += 1
    counts.statements += results.length
    for (const { meta } of results) {
      counts.read += meta.rows_read
      counts.written += meta.rows_written
    }
  }
  const counted = {
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
  return counted as unknown as D1Database
}
