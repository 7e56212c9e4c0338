// Latchkey with its D1 watched: GET /__counts tells how many statements and round trips there were so far.

import worker from '../../../src/index.ts'

const counts = { statements: 0, trips: 0 }

function count<Result>(statements: number, result: Result): Result {
  counts.statements += statements
  counts.trips += 1
  return result
}

/** The two calls of src/db/run.ts, counted. */
function watch(db: D1Database) {
  const inner = new WeakMap<object, D1PreparedStatement>()
  return {
    prepare: (sql: string) => ({
      bind(...values: unknown[]) {
        const statement = db.prepare(sql).bind(...values)
        const watched = { all: () => count(1, statement.all()) }
        inner.set(watched, statement)
        return watched
      },
    }),
    batch: (list: object[]) =>
      count(list.length, db.batch(list.flatMap((one) => inner.get(one) ?? []))),
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
