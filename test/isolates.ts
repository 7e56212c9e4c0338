// Several isolates over one database: each app instance has its own memory, and a D1 that can be watched and broken.

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'

import { app } from '../src/app.ts'
import { requireDescribed } from './contract/require-described.ts'

/** Fails the statement (or batch) of this number, before it reaches the database or after, or never answers it. */
type Fault = { at: number; when: 'before' | 'after' | 'never' }

/**
 * An isolate of its own. `statements` counts what reached D1: a batch counts once, as a round trip;
 * `rowsRead` is what D1 says of them.
 */
export function createIsolate(bindings: object = {}, worker: Pick<typeof app, 'fetch'> = app) {
  const isolate = {
    statements: 0,
    rowsRead: 0,
    fault: undefined as Fault | undefined,
    beforeStatement: async (_number: number): Promise<void> => {},
    env: {} as Env,
    async fetch(path: string, init?: RequestInit): Promise<Response> {
      const context = createExecutionContext()
      const request = new Request(`https://latchkey.test${path}`, init)
      const response = await worker.fetch(request, isolate.env, context)
      await waitOnExecutionContext(context)
      await requireDescribed(request.method, path, response)
      return response
    },
    post: (path: string, token: string) =>
      isolate.fetch(path, { method: 'POST', headers: { Authorization: `Bearer ${token}` } }),
    get: (path: string, token: string) =>
      isolate.fetch(path, { headers: { Authorization: `Bearer ${token}` } }),
  }

  async function through<Result>(work: () => Promise<Result>): Promise<Result> {
    isolate.statements += 1
    await isolate.beforeStatement(isolate.statements)
    const fails = isolate.fault?.at === isolate.statements ? isolate.fault.when : undefined
    if (fails === 'never') return new Promise(() => {})
    if (fails === 'before') throw new Error('D1_ERROR: Network connection lost.')
    const result = await work()
    for (const { meta } of [result].flat() as D1Result[]) isolate.rowsRead += meta.rows_read
    if (fails === 'after') throw new Error('D1_ERROR: Network connection lost.')
    return result
  }

  const inner = new WeakMap<object, D1PreparedStatement>()
  const DB = {
    prepare: (sql: string) => ({
      bind(...values: unknown[]) {
        const statement = env.DB.prepare(sql).bind(...values)
        const watched = { all: () => through(() => statement.all()) }
        inner.set(watched, statement)
        return watched
      },
    }),
    batch: (statements: object[]) =>
      through(() => env.DB.batch(statements.flatMap((one) => inner.get(one) ?? []))),
  }
  isolate.env = { ...env, DB, ...bindings } as unknown as Env
  return isolate
}
