// npm run client: writes the typed client into another project, which then needs only the package `hono`.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { CommandError, runCommand } from './terminal/command-error.ts'
import { print, replaceFile } from './terminal/output.ts'

const HELP = `Usage: npm run client -- <folder>

Writes the typed client into a folder of another project, as JavaScript with
types. Import client.js from there. The client needs the package hono.`

/** client.d.ts contains the types of all routes, so the server's files are not needed. */
const FILES = ['client/client', 'public/session', 'public/tabs', 'public/error-codes'].flatMap(
  (name) => [`${name}.js`, `${name}.d.ts`],
)

/** client.js is the entry, so it is written to the top of the folder. */
const toTarget = (file: string) => file.replace('client/', '')

const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
const TSC = join(dirname(manifest), 'bin', 'tsc')

await runCommand(async () => {
  const [target, ...others] = process.argv.slice(2)
  if (target === '--help') return print(HELP)
  if (!target || target.startsWith('-') || others.length > 0) throw new CommandError(HELP, 2)
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'))
  try {
    const args = [TSC, '-p', 'src/client/tsconfig.json', '--outDir', folder]
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (status !== 0) throw new CommandError(`The client does not compile:\n${stdout}`)
    for (const file of FILES) {
      const text = readFileSync(join(folder, file), 'utf8').replaceAll("'../public/", "'./public/")
      mkdirSync(dirname(join(target, toTarget(file))), { recursive: true })
      replaceFile(join(target, toTarget(file)), text)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  print(`Wrote ${FILES.map(toTarget).join(', ')} into ${target}`)
})
