// Measures how long a new process takes to its first response, and the size of the bundle.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'

import { unstable_readConfig as readSettings } from 'wrangler'

import { readModules } from '../load/host.ts'
import type { Effort } from './bench.ts'
import { readCpuMicros } from './process.ts'
import { type Builds, median, type Report, SECRET } from './setting.ts'

/** Milliseconds from process start to the first response, CPU milliseconds until then, and the bundle size in KiB. */
export type ColdStartResult = {
  bare: { time: number; cpu: number }
  latchkey: { time: number; cpu: number }
  gzip: { script: number; wasm: number }
}

const { default: WORKERD } = createRequire(import.meta.url)('workerd') as { default: string }
// This route reads the settings and imports the keys, but does not use the database.
const PATH = '/.well-known/jwks.json'

export async function measureColdStart(
  { bare, latchkey }: Builds,
  { coldStarts }: Effort,
  report: Report,
): Promise<ColdStartResult> {
  const configs = { bare: writeConfig(bare), latchkey: writeConfig(latchkey) }
  const samples = { bare: [] as Start[], latchkey: [] as Start[] }
  for (let round = 0; round <= coldStarts; round += 1) {
    report(`Cold starts: ${round}/${coldStarts}`)
    for (const name of ['bare', 'latchkey'] as const) {
      const sample = await start(configs[name])
      if (round > 0) samples[name].push(sample) // the first round warms the file cache
    }
  }
  const summarise = (list: Start[]) => ({
    time: median(list.map(({ time }) => time)),
    cpu: median(list.map(({ cpu }) => cpu)),
  })
  return {
    bare: summarise(samples.bare),
    latchkey: summarise(samples.latchkey),
    gzip: measureBundle(latchkey),
  }
}

/** Writes a configuration for plain workerd, with dummy services as the D1 and rate limiter bindings. */
function writeConfig(build: string): string {
  const { vars, compatibility_date: date } = readSettings({}, { hideWarnings: true })
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-cold-'))
  const modules = readModules(build).map(({ type: moduleType, path, contents }) => {
    const file = join(folder, basename(path))
    writeFileSync(file, contents)
    const type = moduleType === 'ESModule' ? 'esModule' : 'wasm'
    return `(name = ${JSON.stringify(path)}, ${type} = embed ${JSON.stringify(basename(file))})`
  })
  const texts = Object.entries({ ...vars, JWT_SECRET: SECRET }).map(
    ([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`,
  )
  const services = ['DB', 'LOGIN_LIMITER', 'REFRESH_LIMITER'].map(
    (name) => `(name = "${name}", service = "internet")`,
  )
  const config = join(folder, 'config.capnp')
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [${modules.join(', ')}],
    compatibilityDate = "${date}",
    bindings = [${[...texts, ...services].join(', ')}],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`,
  )
  return config
}

type Start = { time: number; cpu: number }

async function start(config: string): Promise<Start> {
  const startMs = performance.now()
  const child = spawn(WORKERD, ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const [line] = (await once(child.stdio[3] as Readable, 'data')) as [Buffer]
  const { port } = JSON.parse(line.toString().split('\n')[0] ?? '') as { port: number }
  const response = await fetch(`http://127.0.0.1:${port}${PATH}`)
  await response.arrayBuffer()
  const time = performance.now() - startMs
  const cpu = readCpuMicros(child.pid ?? 0) / 1000
  child.kill()
  await once(child, 'exit')
  if (response.status !== 200) throw new Error(`${config}: unexpected status ${response.status}`)
  return { time, cpu }
}

function measureBundle(build: string): ColdStartResult['gzip'] {
  const sizes = readModules(build).map(({ contents }) => gzipSync(contents, { level: 9 }).length)
  const [script = 0, ...wasm] = sizes.map((size) => size / 1024)
  return { script, wasm: wasm.reduce((sum, size) => sum + size, 0) }
}
