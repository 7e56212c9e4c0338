// Latchkey with its D1 watched: GET /__counts tells what it has done so far.

import worker from '../../../src/index.ts'

const counts = { statements: 0, trips: 0, read: 0, written: 0 }

/** Adds what one round trip has done. */
function count(results: D1Result[]): void {
  counts.trips += 1
  counts.statements += results.length
  for (const { meta } of results) {
    counts.read += meta.rows_read
    counts.written += meta.rows_written
  }
}

/** The two calls of src/db/query.ts, counted. */
function watch(db: D1Database) {
  const inner = new WeakMap<object, D1PreparedStatement>()
  return {
    prepare: (sql: string) => ({
      bind(...values: unknown[]) {
        const statement = db.prepare(sql).bind(...values)
        const watched = {
          async all() {
            const result = await statement.all()
            count([result])
            return result
          },
        }
        inner.set(watched, statement)
        return watched
      },
    }),
    async batch(list: object[]) {
      const results = await db.batch(list.flatMap((one) => inner.get(one) ?? []))
      count(results)
      return results
    },
  }
}

let watched: Env | undefined

export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname === '/__counts') return Response.json(counts)
    watched ??= { ...env, DB: watch(env.DB) as unknown as D1Database }
    return worker.fetch(request, watched, context)
  },
} satisfies ExportedHandler<Env>
