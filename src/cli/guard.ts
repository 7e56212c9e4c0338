// npm run guard: writes the guard into another Worker's project, which then needs no key and no database.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { build, type Plugin } from 'esbuild'

import { readWranglerToml } from './cloudflare/wrangler-toml.ts'
import { parseArguments } from './terminal/arguments.ts'
import { CommandError, runCommand } from './terminal/command-error.ts'
import { writeCopies } from './terminal/copies.ts'
import { print } from './terminal/output.ts'
import { usageError } from './terminal/usage.ts'

const HELP = `Usage: npm run guard -- <folder> [<options>]

Writes the guard for other Workers into a folder of another project: guard.js for
Hono and authenticate.js for any other handler, with their types. Run it again
after an update, once the new Latchkey is deployed.

  --env <name>  the environment of Latchkey that the service binding leads to
  --yes         replace files that are not of the guard without asking; needed
                for that without a terminal
  -h, --help    show this help`

const OPTIONS = {
  env: { type: 'string' },
  yes: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const
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
  const usage = { script: 'guard', max: 1 }
  const { values, positionals } = parseArguments(process.argv.slice(2), OPTIONS, usage)
  const [target] = positionals
  if (values.help) return print(HELP)
  if (!target) throw usageError('Missing folder. Usage: npm run guard -- <folder>', usage)
  const { name } = await readWranglerToml(values.env)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  const banner = `// The guard of Latchkey ${version}, written by 'npm run guard'. Do not edit it: run that again.`
  const isOwn = (line: string) => line.startsWith('// The guard of Latchkey ')
  const files = [...(await bundleCode(banner)), ...emitTypes(banner)]
  await writeCopies(target, files, { what: 'guard', isOwn, yes: values.yes })
  print(`Wrote guard.js, authenticate.js and their types, version ${version}, into ${target}
In the wrangler.toml of that Worker:

[[services]]
binding = "LATCHKEY"
service = "${name}"
entrypoint = "Guard"`)
})

type File = [path: string, text: string]

async function bundleCode(banner: string): Promise<File[]> {
  const files = ENTRIES.map(async (entry): Promise<File> => {
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
    return [`${entry}.js`, code.replaceAll('./authenticate.ts', './authenticate.js')]
  })
  return Promise.all(files)
}

function emitTypes(banner: string): File[] {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-guard-'))
  try {
    const args = [TSC, '-p', join(SOURCE, 'tsconfig.json'), '--outDir', folder]
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new CommandError(`The guard does not compile:\n${stdout}`)
    return Object.entries(TYPES).map(([name, [source, place]]): File => {
      const types = readFileSync(join(folder, source, `${name}.d.ts`), 'utf8')
      return [join(place, `${name}.d.ts`), `${banner}\n${redirectImports(types, place)}`]
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
