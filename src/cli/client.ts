// npm run client: writes the typed client into another project, which then needs only the package `hono`.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { parseArguments } from './terminal/arguments.ts'
import { CommandError, runCommand } from './terminal/command-error.ts'
import { writeCopies } from './terminal/copies.ts'
import { print } from './terminal/output.ts'
import { usageError } from './terminal/usage.ts'

const HELP = `Usage: npm run client -- <folder>

Writes the typed client into a folder of another project, as JavaScript and as
TypeScript. Import client.js from there: Node, browsers and bundlers load the
JavaScript, and tsc compiles the TypeScript. The client needs the package hono.

  --yes       replace files that are not of the client without asking; needed
              for that without a terminal
  -h, --help  show this help`

/** Without the extension. The entry is written to the top of the folder. */
const MODULES = ['client/client', 'public/session', 'public/tabs', 'public/error-codes']
const toTarget = (name: string) => name.replace('client/', '')

/** The types of all routes as they are, so the server's files are not needed. */
const TYPES = ['client/client', 'public/session']

const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
const TSC = join(dirname(manifest), 'bin', 'tsc')

const OPTIONS = {
  yes: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const

await runCommand(async () => {
  const usage = { script: 'client', max: 1 }
  const { values, positionals } = parseArguments(process.argv.slice(2), OPTIONS, usage)
  const [target] = positionals
  if (values.help) return print(HELP)
  if (!target) throw usageError('Missing folder. Usage: npm run client -- <folder>', usage)
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'))
  try {
    const args = [TSC, '-p', 'src/client/tsconfig.json', '--outDir', folder]
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new CommandError(`The client does not compile:\n${stdout}`)
    const isOwn = (line: string, newLine: string) => line === newLine
    await writeCopies(target, readClient(folder), { what: 'client', isOwn, yes: values.yes })
  } finally {
    rmSync(folder, { recursive: true })
  }
  print(`Wrote client.js, client.ts and what they import into ${target}`)
})

/** Returns the files of the client, by their paths, from what the compiler has written into `folder`. */
function readClient(folder: string): [path: string, text: string][] {
  const read = (file: string) =>
    readFileSync(join(folder, file), 'utf8').replaceAll("'../public/", "'./public/")
  const modules = MODULES.flatMap((name): [string, string][] => {
    // The comment would turn the check on in projects that lack the types of a browser.
    const code = read(`${name}.js`).replace('// @ts-check\n', '')
    return [
      [`${toTarget(name)}.js`, code],
      [`${toTarget(name)}.ts`, toTypeScript(code)],
    ]
  })
  const types = TYPES.map((name): [string, string] => [
    `types/${toTarget(name)}.d.ts`,
    `// @ts-nocheck\n${read(`${name}.d.ts`)}`,
  ])
  return [...modules, ...types]
}

/**
 * Returns the same code for tsc, which does not copy JavaScript into its output. It is not checked again,
 * whose flags and libraries are another project's; its types are the declared ones.
 */
function toTypeScript(code: string): string {
  const typed = code.replace(
    'export function createClient(',
    `export type { SessionOptions, TokenStore, Tokens } from './types/public/session.js'
export const createClient: typeof import('./types/client.js').createClient = function (`,
  )
  return `// @ts-nocheck\n${typed}`
}
