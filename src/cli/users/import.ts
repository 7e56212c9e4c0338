// npm run users -- import: adds the users of another system with their password hashes, all or none.

import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'

import { resolveEnvironment } from '../cloudflare/environment.ts'
import { withIsolate } from '../cloudflare/isolate.ts'
import { parseArguments, TARGET_OPTIONS } from '../terminal/arguments.ts'
import { CommandError, messageOf } from '../terminal/command-error.ts'
import { addEntries, compareEntries } from './import-entries.ts'
import { type Entry, parseUserFile, type Rejection } from './user-file.ts'
import { print } from '../terminal/output.ts'

const HELP = `Usage: npm run users -- import <file> [options]

Adds the users of a file, or of standard input when the file is '-'. They log in
with their existing passwords. The first login replaces the hash by argon2id.
All lines are checked first: if one is invalid, the command names it and imports
nothing. A user who exists already, the same as in the file, is left unchanged,
so you can repeat the command. Second factors are not imported: users enrol
again after they have logged in.

The file is CSV whose first line names the columns, a JSON array, or one JSON
object per line:

  username       1 to 64 characters
  password_hash  Werkzeug's scrypt (scrypt:32768:8:1$…), or argon2id or scrypt
                 as a PHC string
  roles          optional: separated by spaces or commas in CSV, a list in
                 JSON
  created_at     optional: Unix time in seconds, by default now
  disabled_at    optional: Unix time in seconds, for users who may not log in

  --skip-existing  skip names that are taken, instead of rejecting the file
  --dry-run        only check the file
  --remote         use the production database instead of the local one
  --env <name>     use the database of this wrangler environment
  --json           print one JSON document, for scripts: npm run -s users -- …
  --help           show this help`

const OPTIONS = {
  ...TARGET_OPTIONS,
  'skip-existing': { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
} as const

const MAX_SHOWN = 50

export async function importUsers(args: string[]): Promise<void> {
  const { values, positionals } = parseArguments(args, OPTIONS, {
    help: HELP,
    max: 1,
    command: ['import'],
  })
  const [file] = positionals
  if (values.help) return print(HELP)
  if (!file) throw new CommandError(`Missing file.\n\n${HELP}`, 2)
  const { entries, rejections: invalid } = parseUserFile(await readText(file))
  if (entries.length + invalid.length === 0) throw new CommandError('The file contains no users.')
  const target = { remote: values.remote, env: await resolveEnvironment(values.env) }

  await withIsolate(target, async ({ db }) => {
    const { fresh, same, taken } = await compareEntries(db, entries)
    const skips = values['skip-existing']
    const rejections = invalid.concat(skips ? [] : taken.map(toTakenRejection))
    if (rejections.length > 0) return report(rejections, values.json)
    if (!values['dry-run']) await addEntries(db, fresh, values.remote)
    const result = { imported: fresh.length, same: same.length, skipped: taken.length }
    if (values.json) print(JSON.stringify({ ok: true, dry_run: values['dry-run'], ...result }))
    else print(toSummary(result, values['dry-run']))
  })
}

async function readText(file: string): Promise<string> {
  try {
    const bytes = file === '-' ? await buffer(process.stdin) : readFileSync(file)
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch (error) {
    throw new CommandError(`Cannot read ${file}: ${messageOf(error)}`)
  }
}

const toTakenRejection = ({ at, user }: Entry): Rejection => ({
  at,
  username: user.username,
  reason:
    'username: a user of this name exists already, perhaps in another case (use --skip-existing to skip such lines)',
})

/** Prints the rejected rows as JSON, or throws them. */
function report(rejections: Rejection[], json: boolean): void {
  if (json) {
    print(JSON.stringify({ ok: false, refused: rejections }))
    process.exitCode = 1
    return
  }
  const shown = rejections
    .slice(0, MAX_SHOWN)
    .map(({ at, username, reason }) => `  ${at}${username ? ` (${username})` : ''}: ${reason}`)
  const more = rejections.length - shown.length
  if (more > 0) shown.push(`  … and ${more.toLocaleString('en')} more`)
  throw new CommandError(`Nothing was imported:\n\n${shown.join('\n')}`)
}

function toSummary(
  { imported, same, skipped }: { imported: number; same: number; skipped: number },
  dryRun: boolean,
): string {
  const rows: [string, number][] = [
    [dryRun ? 'would be imported' : 'imported', imported],
    ['unchanged, exist already', same],
    ['skipped, name taken', skipped],
  ]
  const counts = rows.map(([, count]) => count.toLocaleString('en'))
  const width = Math.max(...counts.map((count) => count.length))
  return rows
    .map(([label], index) => `${label.padEnd(25)}  ${(counts[index] ?? '').padStart(width)}`)
    .join('\n')
}
