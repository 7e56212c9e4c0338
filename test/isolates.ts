// Several isolates with one database. Each has its own memory and a D1 binding that counts statements and can fail.

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'

import { app } from '../src/app.ts'
import { ADDRESS } from './helpers.ts'
import { requireDescribed } from './contract/require-described.ts'

/** Makes statement (or batch) number `at` fail before or after it reaches the database, or never respond. */
type Fault = { at: number; when: 'before' | 'after' | 'never' }

/**
 * Creates a new isolate. `statements` counts round trips to D1, so a batch counts once.
 * `rowsRead` and `rowsWritten` are the numbers of rows that D1 reports, including those of indexes and triggers.
 */
export function createIsolate(bindings: object = {}, worker: Pick<typeof app, 'fetch'> = app) {
  const isolate = {
    statements: 0,
    rowsRead: 0,
    rowsWritten: 0,
    fault: undefined as Fault | undefined,
    beforeStatement: async (_number: number): Promise<void> => {},
    env: {} as Env,
    async fetch(path: string, init?: RequestInit): Promise<Response> {
      const context = createExecutionContext()
      const request = new Request(`https://latchkey.test${path}`, init)
      if (!request.headers.has('CF-Connecting-IP')) request.headers.set('CF-Connecting-IP', ADDRESS)
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

  async function execute<Result>(run: () => Promise<Result>): Promise<Result> {
    isolate.statements += 1
    await isolate.beforeStatement(isolate.statements)
    const failure = isolate.fault?.at === isolate.statements ? isolate.fault.when : undefined
    if (failure === 'never') return new Promise(() => {})
    if (failure === 'before') throw new Error('D1_ERROR: Network connection lost.')
    const result = await run()
    for (const { meta } of [result].flat() as D1Result[]) {
      isolate.rowsRead += meta.rows_read
      isolate.rowsWritten += meta.rows_written
    }
    if (failure === 'after') throw new Error('D1_ERROR: Network connection lost.')
    return result
  }

  const originals = new WeakMap<object, D1PreparedStatement>()
  const DB = {
    prepare: (sql: string) => ({
      bind(...values: unknown[]) {
        const statement = env.DB.prepare(sql).bind(...values)
        const wrapped = { all: () => execute(() => statement.all()) }
        originals.set(wrapped, statement)
        return wrapped
      },
    }),
    batch: (statements: object[]) =>
      execute(() => env.DB.batch(statements.flatMap((one) => originals.get(one) ?? []))),
  }
  isolate.env = { ...env, DB, ...bindings } as unknown as Env
  return isolate
}
