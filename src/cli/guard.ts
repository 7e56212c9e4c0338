// npm run guard: writes the guard into another Worker's project, which then needs no key and no database.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import { build, type Plugin } from 'esbuild'

import { readWranglerToml } from './cloudflare/wrangler-toml.ts'
import { parseArguments } from './terminal/arguments.ts'
import { CommandError, runCommand } from './terminal/command-error.ts'
import { print, replaceFile } from './terminal/output.ts'

const HELP = `Usage: npm run guard -- <folder> [--env <name>]

Writes the guard for other Workers into a folder of another project: guard.js for
Hono and authenticate.js for any other handler, with their types. Run it again
after an update, once the new Latchkey is deployed. --env names the environment
of Latchkey that the service binding leads to.`

const OPTIONS = { env: { type: 'string' }, help: { type: 'boolean' } } as const
const SOURCE = 'src/client/guard'
const ENTRIES = ['guard', 'authenticate']
/** Declarations by the name of their module: where tsc writes them, and where the copy has them. */
const TYPES: Record<string, [source: string, target: string]> = {
  guard: ['client/guard', '.'],
  authenticate: ['client/guard', '.'],
  options: ['client/guard', './types'],
  'jwt-options': ['middleware', './types'],
  contract: ['rpc', './types'],
}
const require = createRequire(import.meta.url)
const TSC = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')

/** Replaces the module of refusals by its values, so that the copy does not contain every error of Latchkey. */
const evaluateRefusals: Plugin = {
  name: 'refusals',
  setup({ onLoad }) {
    onLoad({ filter: /refusals\.ts$/ }, async ({ path }) => {
      const { REFUSALS } = await import(pathToFileURL(path).href)
      return { contents: `export const REFUSALS = ${JSON.stringify(REFUSALS, null, 2)}` }
    })
  },
}

/** Replaces the imports of a file in `from` by those of the copy. */
const redirectImports = (types: string, from: string) =>
  types.replaceAll(/'\.[./\w-]*?([\w-]+)\.[jt]s'/g, (_, name: string) => {
    const [, to = ''] = TYPES[name] ?? []
    return `'${from === to ? '.' : from === '.' ? to : '..'}/${name}.js'`
  })

await runCommand(async () => {
  const usage = { help: HELP, max: 1 }
  const { values, positionals } = parseArguments(process.argv.slice(2), OPTIONS, usage)
  const [target] = positionals
  if (values.help) return print(HELP)
  if (!target) throw new CommandError(HELP, 2)
  const { name } = await readWranglerToml(values.env)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  const banner = `// The guard of Latchkey ${version}, written by 'npm run guard'. Do not edit it: run that again.`
  await writeCode(target, banner)
  writeTypes(target, banner)
  print(`Wrote guard.js, authenticate.js and their types, version ${version}, into ${target}
In the wrangler.toml of that Worker:

[[services]]
binding = "LATCHKEY"
service = "${name}"
entrypoint = "Guard"`)
})

async function writeCode(target: string, banner: string): Promise<void> {
  for (const entry of ENTRIES) {
    const { outputFiles } = await build({
      entryPoints: [join(SOURCE, `${entry}.ts`)],
      bundle: true,
      format: 'esm',
      target: 'es2022',
      write: false,
      banner: { js: banner },
      external: ['cloudflare:workers', 'hono', ...(entry === 'guard' ? ['./authenticate.ts'] : [])],
      plugins: [evaluateRefusals],
    })
    const code = outputFiles[0]?.text ?? ''
    write(target, `${entry}.js`, code.replaceAll('./authenticate.ts', './authenticate.js'))
  }
}

function writeTypes(target: string, banner: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-guard-'))
  try {
    const args = [TSC, '-p', join(SOURCE, 'tsconfig.json'), '--outDir', folder]
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new CommandError(`The guard does not compile:\n${stdout}`)
    for (const [name, [source, place]] of Object.entries(TYPES)) {
      const types = readFileSync(join(folder, source, `${name}.d.ts`), 'utf8')
      write(target, join(place, `${name}.d.ts`), `${banner}\n${redirectImports(types, place)}`)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function write(target: string, file: string, text: string): void {
  const path = resolve(target, file)
  mkdirSync(dirname(path), { recursive: true })
  replaceFile(path, text)
}
