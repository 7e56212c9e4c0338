// The built Worker on real workerd: several Workers over one database, in one process.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { unstable_splitSqlQuery as splitSql, unstable_readConfig as readConfig } from 'wrangler'

// wrangler's own Miniflare, so that this runs on the workerd that serves and deploys.
const requireOfWrangler = createRequire(
  createRequire(import.meta.url).resolve('wrangler/package.json'),
)
const { Miniflare, convertV4MiniflareOptions } = requireOfWrangler('miniflare')

/** Builds the Worker as it is deployed; the folder of its modules. */
export function buildWorker(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-build-'))
  const bin = join(dirname(requireOfWrangler.resolve('./package.json')), 'bin', 'wrangler.js')
  execFileSync(process.execPath, [bin, 'deploy', '--dry-run', '--outdir', folder], {
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
    stdio: 'pipe',
  })
  return folder
}

export type Host = {
  fetch(worker: string, path: string, init?: RequestInit): Promise<Response>
  db: D1Database
  dispose(): Promise<void>
}

/** Starts a Worker for each entry of `workers`, by name with its bindings, over one migrated database; an address may log in `loginLimit` times a minute. */
export async function startHost(
  build: string,
  workers: Record<string, Record<string, string>>,
  loginLimit = 1_000_000,
): Promise<Host> {
  const { vars, compatibility_date: compatibilityDate } = readConfig({}, { hideWarnings: true })
  const wasm = readdirSync(build).filter((name) => name.endsWith('.wasm'))
  const modules = [
    { type: 'ESModule', path: 'index.js', contents: readFileSync(join(build, 'index.js'), 'utf8') },
    ...wasm.map((path) => ({
      type: 'CompiledWasm',
      path,
      contents: readFileSync(join(build, path)),
    })),
  ]
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers: Object.entries(workers).map(([name, bindings]) => ({
        name,
        modules,
        compatibilityDate,
        bindings: { ...vars, ...bindings },
        d1Databases: { DB: 'latchkey' },
        ratelimits: {
          LOGIN_LIMITER: { namespace_id: '1', simple: { limit: loginLimit, period: 60 } },
        },
      })),
    }),
  )
  const [first = ''] = Object.keys(workers)
  const db: D1Database = await miniflare.getD1Database('DB', first)
  const folder = 'src/db/migrations'
  for (const file of readdirSync(folder).toSorted())
    await db.batch(
      splitSql(readFileSync(join(folder, file), 'utf8')).map((sql: string) => db.prepare(sql)),
    )
  const fetchers = new Map<string, { fetch: typeof fetch }>()
  for (const name of Object.keys(workers)) fetchers.set(name, await miniflare.getWorker(name))
  return {
    db,
    fetch: (worker, path, init) => {
      const fetcher = fetchers.get(worker)
      if (!fetcher) throw new Error(`no Worker ${worker}`)
      return fetcher.fetch(`https://latchkey.test${path}`, init)
    },
    dispose: () => miniflare.dispose(),
  }
}
