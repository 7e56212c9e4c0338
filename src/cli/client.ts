// npm run client: writes the typed client into another project, which then needs only the package `hono`.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { parseArguments } from './terminal/arguments.ts'
import { CommandError, runCommand } from './terminal/command-error.ts'
import { print, replaceFile } from './terminal/output.ts'
import { usageError } from './terminal/usage.ts'

const HELP = `Usage: npm run client -- <folder>

Writes the typed client into a folder of another project, as JavaScript and as
TypeScript. Import client.js from there: Node, browsers and bundlers load the
JavaScript, and tsc compiles the TypeScript. The client needs the package hono.`

/** Without the extension. The entry is written to the top of the folder. */
const MODULES = ['client/client', 'public/session', 'public/tabs', 'public/error-codes']
const toTarget = (name: string) => name.replace('client/', '')

/** The types of all routes as they are, so the server's files are not needed. */
const TYPES = ['client/client', 'public/session']

const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
const TSC = join(dirname(manifest), 'bin', 'tsc')

await runCommand(async () => {
  const options = { help: { type: 'boolean', short: 'h' } } as const
  const usage = { script: 'client', max: 1 }
  const { values, positionals } = parseArguments(process.argv.slice(2), options, usage)
  const [target] = positionals
  if (values.help) return print(HELP)
  if (!target) throw usageError('Missing folder. Usage: npm run client -- <folder>', usage)
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'))
  try {
    const args = [TSC, '-p', 'src/client/tsconfig.json', '--outDir', folder]
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new CommandError(`The client does not compile:\n${stdout}`)
    writeClient(folder, target)
  } finally {
    rmSync(folder, { recursive: true })
  }
  print(`Wrote client.js, client.ts and what they import into ${target}`)
})

/** Writes what the compiler has written into `folder`. */
function writeClient(folder: string, target: string): void {
  const read = (file: string) =>
    readFileSync(join(folder, file), 'utf8').replaceAll("'../public/", "'./public/")
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(target, file)), { recursive: true })
    replaceFile(join(target, file), text)
  }
  for (const name of MODULES) {
    // The comment would turn the check on in projects that lack the types of a browser.
    const code = read(`${name}.js`).replace('// @ts-check\n', '')
    write(`${toTarget(name)}.js`, code)
    write(`${toTarget(name)}.ts`, toTypeScript(code))
  }
  for (const name of TYPES)
    write(`types/${toTarget(name)}.d.ts`, `// @ts-nocheck\n${read(`${name}.d.ts`)}`)
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
