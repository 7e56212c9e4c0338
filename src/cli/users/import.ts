// npm run users -- import: users of another system, with the password hashes they have there. All of them or none.

import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'

import { readArguments, TARGET_OPTIONS } from '../terminal/arguments.ts'
import { withDatabase } from '../cloudflare/database.ts'
import { Failure, messageOf } from '../terminal/failure.ts'
import { addEntries, compareEntries } from './import-entries.ts'
import { type Entry, parseUserFile, type Refusal } from './user-file.ts'

const HELP = `Usage: npm run users -- import <file> [options]

Adds the users of a file, or of standard input where that is '-'. They log in with the password they
have, and get an argon2id hash at their first log-in. All lines are checked first: when one cannot
be taken, it is named, and nothing is imported. A user who is there already, just as in the file, is
left alone, so that the command can be repeated.

The file is CSV with a first line that names its columns, a JSON array, or one JSON object a line:

  username       1 to 64 characters
  password_hash  Werkzeug's scrypt (scrypt:32768:8:1$…), or argon2id or scrypt as a PHC string
  roles          if you like: in CSV with spaces between them, in JSON a list
  created_at     if you like: unix seconds; else now
  disabled_at    if you like: unix seconds, for a user who may not log in

  --skip-existing  leave out who has the name of a user, instead of refusing the file
  --dry-run        check only
  --remote         production's database instead of the local one
  --env <name>     the database of this wrangler environment
  --json           for scripts: one JSON document
  --help           this text`

const OPTIONS = {
  ...TARGET_OPTIONS,
  'skip-existing': { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
} as const

const MAX_SHOWN = 50

export async function importUsers(args: string[]): Promise<void> {
  const { file, values } = readArguments(args, OPTIONS, HELP)
  if (values.help) return console.log(HELP)
  if (!file) throw new Failure(`Which file?\n\n${HELP}`, 2)
  const { entries, refusals: unfit } = parseUserFile(await readText(file))
  if (entries.length + unfit.length === 0) throw new Failure('The file holds no users.')
  const target = { remote: values.remote, env: values.env }

  await withDatabase(target, async (db) => {
    const { fresh, same, taken } = await compareEntries(db, entries)
    const skips = values['skip-existing']
    const refusals = unfit.concat(skips ? [] : taken.map(refuseTaken))
    if (refusals.length > 0) return refuse(refusals, values.json)
    if (!values['dry-run']) await addEntries(db, fresh, values.remote)
    const result = { imported: fresh.length, same: same.length, skipped: taken.length }
    if (values.json)
      console.log(JSON.stringify({ ok: true, dry_run: values['dry-run'], ...result }))
    else console.log(toSummary(result, values['dry-run']))
  })
}

async function readText(file: string): Promise<string> {
  try {
    const bytes = file === '-' ? await buffer(process.stdin) : readFileSync(file)
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch (error) {
    throw new Failure(`Cannot read ${file}: ${messageOf(error)}`)
  }
}

const refuseTaken = ({ at, user }: Entry): Refusal => ({
  at,
  username: user.username,
  reason:
    'username: there is a user of this name already, perhaps in another case (--skip-existing leaves such lines out)',
})

function refuse(refusals: Refusal[], json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ ok: false, refused: refusals }))
    process.exitCode = 1
    return
  }
  const shown = refusals
    .slice(0, MAX_SHOWN)
    .map(({ at, username, reason }) => `  ${at}${username ? ` (${username})` : ''}: ${reason}`)
  const more = refusals.length - shown.length
  if (more > 0) shown.push(`  … and ${more.toLocaleString('en')} more`)
  throw new Failure(`Nothing was imported:\n\n${shown.join('\n')}`)
}

function toSummary(
  { imported, same, skipped }: { imported: number; same: number; skipped: number },
  dryRun: boolean,
): string {
  const rows: [string, number][] = [
    [dryRun ? 'would be imported' : 'imported', imported],
    ['there already, just the same', same],
    ['left out, name taken', skipped],
  ]
  const numbers = rows.map(([, count]) => count.toLocaleString('en'))
  const width = Math.max(...numbers.map((number) => number.length))
  return rows
    .map(([label], index) => `${label.padEnd(28)}  ${(numbers[index] ?? '').padStart(width)}`)
    .join('\n')
}
