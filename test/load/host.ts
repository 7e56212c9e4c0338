// Runs the built Worker on real workerd: several Workers with one database, in one process.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { unstable_splitSqlQuery as splitSql, unstable_readConfig as readSettings } from 'wrangler'

// Wrangler's Miniflare, so that tests run on the same workerd as `npm run dev`.
const requireFromWrangler = createRequire(
  createRequire(import.meta.url).resolve('wrangler/package.json'),
)
const { Miniflare, convertV4MiniflareOptions } = requireFromWrangler('miniflare')

const MIGRATIONS = 'src/db/migrations'

/** Builds the Worker, or another `entry`, as for a deployment. Returns the folder of its modules. */
export function buildWorker(entry?: string, { minify = true } = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-build-'))
  const bin = join(dirname(requireFromWrangler.resolve('./package.json')), 'bin', 'wrangler.js')
  const script = [...(entry === undefined ? [] : [entry]), ...(minify ? [] : ['--no-minify'])]
  execFileSync(process.execPath, [bin, 'deploy', ...script, '--dry-run', '--outdir', folder], {
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
    stdio: 'pipe',
  })
  return folder
}

/** Returns the modules of a build, the entry module first. */
export function readModules(build: string) {
  const names = readdirSync(build)
  const read = (ending: string) =>
    names
      .filter((name) => name.endsWith(ending))
      .map((path) => ({ path, contents: readFileSync(join(build, path)) }))
  const [entry] = read('.js')
  if (!entry) throw new Error(`No module in ${build}`)
  return [
    { type: 'ESModule', path: entry.path, contents: entry.contents.toString() },
    ...read('.wasm').map((module) => ({ type: 'CompiledWasm', ...module })),
  ]
}

export type Host = {
  fetch(worker: string, path: string, init?: RequestInit): Promise<Response>
  db: D1Database
  /** The HTTP address of the first Worker. */
  url: URL
  /** The HTTP address of each Worker, on a separate socket without a proxy. */
  urls: Record<string, URL>
  /** The address of workerd's inspector. */
  inspector: URL | undefined
  /** The process id of workerd. */
  pid: number
  dispose(): Promise<void>
}

type Options = {
  /** Maximum login attempts per address and minute. */
  loginLimit?: number
  /** Receives each line that a Worker logs. */
  onLog?: (line: string) => void
  /** Stores the database in this folder, so that a later host can continue with it. */
  folder?: string
  /** Builds of further Workers, by name. They get the bindings of the first Worker. */
  peers?: Record<string, string>
  /** Builds of Workers that have only the service binding LATCHKEY, to the guard of the Worker `latchkey`. */
  consumers?: Record<string, { build: string; latchkey: string }>
  /** Opens workerd's inspector. */
  inspect?: boolean
}

/** Starts a Worker for each entry of `workers` (bindings by name), all with one migrated database. */
export async function startHost(
  build: string,
  workers: Record<string, Record<string, string>>,
  { loginLimit = 1_000_000, onLog = () => {}, folder, peers = {}, ...options }: Options = {},
): Promise<Host> {
  const { vars, compatibility_date: compatibilityDate } = readSettings({}, { hideWarnings: true })
  const modules = readModules(build)
  const [first = '', bindingsOfFirst] = Object.entries(workers)[0] ?? []
  const all = [
    ...Object.entries(workers).map(([name, bindings]) => ({ name, modules, bindings })),
    ...Object.entries(peers).map(([name, peerBuild]) => ({
      name,
      modules: readModules(peerBuild),
      bindings: bindingsOfFirst,
    })),
  ]
  const consumers = Object.entries(options.consumers ?? {}).map(
    ([name, { build: consumer, latchkey }]) => ({
      name,
      modules: readModules(consumer),
      serviceBindings: { LATCHKEY: { name: latchkey, entrypoint: 'Guard' } },
    }),
  )
  const unsafeDirectSockets = [{ host: '127.0.0.1', port: 0 }]
  const before = listChildren()
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...(folder && { resourcePersistencePath: folder }),
      handleStructuredLogs: ({ message }: { message: string }) => onLog(message),
      ...(options.inspect && { inspectorPort: 0 }),
      workers: [
        ...all.map(({ bindings, ...worker }) => ({
          ...worker,
          compatibilityDate,
          bindings: { ...vars, ...bindings },
          unsafeDirectSockets,
          d1Databases: { DB: 'latchkey' },
          ratelimits: {
            LOGIN_LIMITER: { namespace_id: '1', simple: { limit: loginLimit, period: 60 } },
            REFRESH_LIMITER: { namespace_id: '2', simple: { limit: 1_000_000, period: 60 } },
          },
        })),
        ...consumers.map((worker) => ({ ...worker, compatibilityDate, unsafeDirectSockets })),
      ],
    }),
  )
  const db: D1Database = await miniflare.getD1Database('DB', first)
  await migrate(db)
  const fetchers = new Map<string, { fetch: typeof fetch }>()
  const urls: Record<string, URL> = {}
  for (const { name } of [...all, ...consumers]) {
    fetchers.set(name, await miniflare.getWorker(name))
    urls[name] = await miniflare.unsafeGetDirectURL(name)
  }
  const pid = listChildren().find((child) => !before.includes(child)) ?? 0
  return {
    db,
    url: await miniflare.ready,
    urls,
    inspector: options.inspect ? await miniflare.getInspectorURL() : undefined,
    pid,
    fetch: (worker, path, init) => {
      const fetcher = fetchers.get(worker)
      if (!fetcher) throw new Error(`No Worker named ${worker}`)
      const headers = new Headers(init?.headers)
      if (!headers.has('CF-Connecting-IP')) headers.set('CF-Connecting-IP', '203.0.113.99')
      return fetcher.fetch(`https://latchkey.test${path}`, { ...init, headers })
    },
    dispose: () => miniflare.dispose(),
  }
}

/** Applies the migrations in order, unless an earlier run has applied them. */
async function migrate(db: D1Database): Promise<void> {
  const existing = await db
    .prepare("SELECT 1 FROM sqlite_master WHERE name = 'd1_migrations'")
    .all()
  if (existing.results.length) return
  await db.prepare('CREATE TABLE d1_migrations (name TEXT PRIMARY KEY)').run()
  for (const file of readdirSync(MIGRATIONS).toSorted()) {
    const statements = splitSql(readFileSync(join(MIGRATIONS, file), 'utf8'))
    const applied = db.prepare('INSERT INTO d1_migrations VALUES (?1)').bind(file)
    await db.batch([...statements.map((sql: string) => db.prepare(sql)), applied])
  }
}

/** Returns the process ids of the child processes that run workerd. */
function listChildren(): number[] {
  const tasks = readdirSync('/proc/self/task')
  const children = tasks.flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' ').map(Number),
  )
  return children.filter(
    (pid) => pid > 0 && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'workerd',
  )
}
