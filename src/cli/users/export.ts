// npm run users -- export: writes all users with their password hashes, in a format that `import` reads.

import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, realpathSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

import { listUsers, type User } from '../../db/users.ts'
import { resolveEnvironment } from '../cloudflare/environment.ts'
import { withIsolate } from '../cloudflare/isolate.ts'
import { parseArguments, TARGET_OPTIONS } from '../terminal/arguments.ts'
import { CommandError, messageOf } from '../terminal/command-error.ts'
import { formatCsv } from './csv.ts'
import { COLUMNS, toCells, toRow } from './user-row.ts'
import { print, writeAll } from '../terminal/output.ts'
import { usageError } from '../terminal/usage.ts'

const HELP = `Usage: npm run users -- export <file> [options]

Writes all users to a new file that only you can read: a JSON array if its name
ends in .json, otherwise CSV. '-' writes to standard output, without a banner
with 'npm run -s users -- export -'. The file contains password hashes: keep it
safe, and delete it soon. It is not written where git would commit it. It does
not contain second factors: users enrol again where the file is imported.

  --remote      use the production database instead of the local one
  --env <name>  use the database of this wrangler environment
  --json        print one JSON document, for scripts: npm run -s users -- …
  -h, --help    show this help`

const SCRIPT = { script: 'users', command: ['export'] }
const PAGE_SIZE = 2000

/** What a file begins and ends with, how it shows a user, and what separates users. */
type Format = { head: string; show: (user: User) => string; separator: string; tail: string }

const CSV: Format = {
  head: `${COLUMNS.join(',')}\n`,
  show: (user) => `${formatCsv(toCells(user))}\n`,
  separator: '',
  tail: '',
}
const JSON_ARRAY: Format = {
  head: '[\n',
  show: (user) => JSON.stringify(toRow(user)),
  separator: ',\n',
  tail: '\n]\n',
}

export async function exportUsers(args: string[]): Promise<void> {
  const { values, positionals } = parseArguments(args, TARGET_OPTIONS, {
    ...SCRIPT,
    max: 1,
  })
  const [file] = positionals
  if (values.help) return print(HELP)
  if (!file) throw usageError('Missing file. Usage: npm run users -- export <file>', SCRIPT)
  const isOutput = file === '-'
  const format = file.endsWith('.json') || (isOutput && values.json) ? JSON_ARRAY : CSV
  requireIgnored(isOutput ? findOutputFile() : resolve(file))
  const source = { remote: values.remote, env: await resolveEnvironment(values.env) }
  const write = (target: number) => withIsolate(source, ({ db }) => writeUsers(db, target, format))

  const count = await (isOutput ? write(process.stdout.fd) : writeNewFile(file, write))
  const done = `${count.toLocaleString('en')} users exported, with their password hashes: keep them safe.`
  if (isOutput) process.stderr.write(`${done}\n`)
  else print(values.json ? JSON.stringify({ ok: true, file, users: count }) : done)
}

/** Throws for a file that git would add to a repository: hashes cannot be removed from its history. */
function requireIgnored(path: string | undefined): void {
  if (path === undefined) return
  const folder = dirname(path)
  const args = ['check-ignore', '-q', '--', `./${basename(path)}`]
  const { status } = spawnSync('git', args, { cwd: folder, stdio: 'ignore' })
  // 1 is a file that git does not ignore; anything but 0 and 1, that it found no repository or is not installed.
  if (status === 0 || (status !== 1 && !isInRepository(folder))) return
  throw new CommandError(
    `Nothing was written: git does not ignore ${path}, and password hashes must not be committed. Choose a name that git ignores, here for example all.csv, or a folder outside of the repository.`,
  )
}

const isInRepository = (folder: string): boolean =>
  existsSync(join(folder, '.git')) ||
  (dirname(folder) !== folder && isInRepository(dirname(folder)))

/** Returns the file that a shell has opened as standard output; undefined for anything else, and except on Linux. */
function findOutputFile(): string | undefined {
  try {
    const file = realpathSync('/proc/self/fd/1')
    return statSync(file).isFile() ? file : undefined
  } catch {
    return undefined // a pipe, or no /proc
  }
}

/** Creates a file that only its owner can read, and removes it when `write` fails: half an export looks complete. */
async function writeNewFile(
  file: string,
  write: (target: number) => Promise<number>,
): Promise<number> {
  const target = openNew(file)
  try {
    return await write(target)
  } catch (error) {
    rmSync(file)
    throw error
  } finally {
    closeSync(target)
  }
}

function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o600)
  } catch (error) {
    throw new CommandError(`Cannot create the file: ${messageOf(error)}`)
  }
}

/** Writes page by page, so that memory does not grow with the number of users. */
async function writeUsers(db: D1Database, target: number, format: Format): Promise<number> {
  let count = 0
  let after: string | null = ''
  writeAll(target, format.head)
  while (after !== null) {
    const page = await listUsers(db, { limit: PAGE_SIZE, after })
    const text = page.users.map(format.show).join(format.separator)
    writeAll(target, count > 0 && page.users.length > 0 ? format.separator + text : text)
    count += page.users.length
    after = page.next
  }
  writeAll(target, format.tail)
  return count
}
