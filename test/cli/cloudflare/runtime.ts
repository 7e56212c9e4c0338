// A real D1, and the Worker that was uploaded last, on the workerd that wrangler brings.

import { createRequire } from 'node:module'

import { unstable_splitSqlQuery as splitSql } from 'wrangler'

const requireOfWrangler = createRequire(
  createRequire(import.meta.url).resolve('wrangler/package.json'),
)
const { Miniflare, convertV4MiniflareOptions } = requireOfWrangler('miniflare')

const MAX_STATEMENT_BYTES = 100_000 // D1's limit, which Miniflare does not have

export type Binding = { type: string; name: string; text?: string; id?: string; simple?: object }
export type Upload = {
  main_module: string
  compatibility_date: string
  modules: { name: string; type: string; contents: Uint8Array }[]
  bindings: Binding[]
}
type Query = { sql: string; params?: unknown[] }

export type Runtime = Awaited<ReturnType<typeof startRuntime>>

export async function startRuntime() {
  const ids = new Set<string>()
  let deployed: Upload | undefined
  const toOptions = () =>
    convertV4MiniflareOptions({
      workers: [
        {
          name: 'api',
          modules: true,
          script: 'export default {}',
          d1Databases: Object.fromEntries([...ids].map((id) => [id, id])),
        },
        ...(deployed ? [toWorker(deployed)] : []),
      ],
    })
  const miniflare = new Miniflare(toOptions())

  async function open(id: string): Promise<D1Database> {
    if (!ids.has(id)) {
      ids.add(id)
      await miniflare.setOptions(toOptions())
    }
    return miniflare.getD1Database(id, 'api')
  }

  return {
    /** What the API's `query` takes: a statement with its values, a batch of them, or the SQL of a file. */
    async query(id: string, body: Query | { batch: Query[] }): Promise<D1Result[]> {
      const db = await open(id)
      const queries = 'batch' in body ? body.batch : [body]
      const statements = queries.flatMap(({ sql, params }) =>
        params ? [db.prepare(sql).bind(...params)] : splitSql(sql).map((one) => prepare(db, one)),
      )
      return db.batch(statements)
    },
    async deploy(upload: Upload) {
      deployed = upload
      await miniflare.setOptions(toOptions())
    },
    async fetch(request: Request): Promise<Response> {
      const { url, method, headers } = request
      const worker = await miniflare.getWorker('deployed')
      const body = method === 'GET' ? undefined : await request.arrayBuffer()
      return worker.fetch(url, { method, headers: Object.fromEntries(headers), body })
    },
    stop: () => miniflare.dispose(),
  }
}

function prepare(db: D1Database, sql: string): D1PreparedStatement {
  if (Buffer.byteLength(sql) > MAX_STATEMENT_BYTES) throw new Error('Statement too long')
  return db.prepare(sql)
}

/** An upload as Miniflare takes a Worker, its main module first. */
function toWorker({ main_module: main, modules, bindings, compatibility_date }: Upload) {
  const bound = <Value>(types: string[], toValue: (binding: Binding) => Value) =>
    Object.fromEntries(
      bindings
        .filter(({ type }) => types.includes(type))
        .map((binding) => [binding.name, toValue(binding)]),
    )
  return {
    name: 'deployed',
    compatibilityDate: compatibility_date,
    modules: modules
      .filter(({ type }) => type !== 'application/source-map')
      .toSorted((a, b) => Number(b.name === main) - Number(a.name === main))
      .map(({ name, type, contents }) =>
        type === 'application/wasm'
          ? { type: 'CompiledWasm', path: name, contents }
          : { type: 'ESModule', path: name, contents: new TextDecoder().decode(contents) },
      ),
    bindings: bound(['plain_text', 'secret_text'], ({ text }) => text),
    d1Databases: bound(['d1'], ({ id }) => id),
    ratelimits: bound(['ratelimit'], ({ simple }) => ({ namespace_id: '1', simple })),
  }
}
