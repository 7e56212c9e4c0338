// npm run users -- export: all users with their password hashes, in a form that `import` takes.

import { closeSync, openSync, rmSync, writeSync } from 'node:fs'

import { listUsers, type User } from '../../db/users.ts'
import { readArguments, TARGET_OPTIONS } from '../terminal/arguments.ts'
import { formatCsv } from './csv.ts'
import { withDatabase } from '../cloudflare/database.ts'
import { Failure, messageOf } from '../terminal/failure.ts'
import { COLUMNS, toCells, toRow } from './user-row.ts'

const HELP = `Usage: npm run users -- export <file> [options]

Writes all users to a new file that only you can read: as a JSON array where its name ends in .json,
else as CSV. '-' is standard output. The file holds password hashes: keep it safe, and not for long.

  --remote      production's database instead of the local one
  --env <name>  the database of this wrangler environment
  --json        for scripts: one JSON document
  --help        this text`

const PAGE = 2000

/** A file in the making: what comes first, what each user is, what stands between them, what comes last. */
type Format = { head: string; show: (user: User) => string; between: string; tail: string }

const CSV: Format = {
  head: `${COLUMNS.join(',')}\n`,
  show: (user) => `${formatCsv(toCells(user))}\n`,
  between: '',
  tail: '',
}
const JSON_ARRAY: Format = {
  head: '[\n',
  show: (user) => JSON.stringify(toRow(user)),
  between: ',\n',
  tail: '\n]\n',
}

export async function exportUsers(args: string[]): Promise<void> {
  const { file, values } = readArguments(args, TARGET_OPTIONS, HELP)
  if (values.help) return console.log(HELP)
  if (!file) throw new Failure(`Where to?\n\n${HELP}`, 2)
  const isOutput = file === '-'
  const format = file.endsWith('.json') || (isOutput && values.json) ? JSON_ARRAY : CSV
  const write = (target: number) =>
    withDatabase({ remote: values.remote, env: values.env }, (db) => writeAll(db, target, format))

  const count = await (isOutput ? write(process.stdout.fd) : intoNewFile(file, write))
  const done = `${count.toLocaleString('en')} users exported, with their password hashes: keep this safe.`
  if (isOutput) process.stderr.write(`${done}\n`)
  else console.log(values.json ? JSON.stringify({ ok: true, file, users: count }) : done)
}

/** Lends a new file of mode 0600 to `write`, and removes it when that fails: half an export looks like one. */
async function intoNewFile(
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
    throw new Failure(`Cannot make a new file: ${messageOf(error)}`)
  }
}

/** Page by page, so that memory does not grow with the number of users. */
async function writeAll(db: D1Database, target: number, format: Format): Promise<number> {
  let count = 0
  let after: string | null = ''
  writeSync(target, format.head)
  while (after !== null) {
    const page = await listUsers(db, { limit: PAGE, after })
    const text = page.users.map(format.show).join(format.between)
    writeSync(target, count > 0 && page.users.length > 0 ? format.between + text : text)
    count += page.users.length
    after = page.next
  }
  writeSync(target, format.tail)
  return count
}
