// npm run users -- import: adds the users of another system with their password hashes, all or none.

import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'

import { resolveEnvironment } from '../cloudflare/environment.ts'
import { withIsolate } from '../cloudflare/isolate.ts'
import { parseArguments, TARGET_OPTIONS } from '../terminal/arguments.ts'
import { CommandError, messageOf } from '../terminal/command-error.ts'
import { addEntries, compareEntries } from './import-entries.ts'
import { reportImport, reportRejections, toTakenRejection } from './import-report.ts'
import { parseUserFile, type Rejection } from './user-file.ts'
import { print } from '../terminal/output.ts'
import { usageError } from '../terminal/usage.ts'

const HELP = `Usage: npm run users -- import <file> [options]

Adds the users of a file, or of standard input when the file is '-'. They log in
with their existing passwords. The first login replaces the hash by argon2id.
All lines are checked first: if one is invalid, the command names it and imports
nothing. A user who exists already, the same as in the file, is left unchanged,
so you can repeat the command. Second factors are not imported: users enrol
again after they have logged in.

The file is CSV whose first line names the columns, a JSON array, or one JSON
object per line. Postgres and spreadsheets write such files: commas, semicolons
or tabs separate cells, and the text is UTF-8 or UTF-16.

  username       1 to 64 characters
  password_hash  Werkzeug's scrypt (scrypt:32768:8:1$…), or argon2id or scrypt
                 as a PHC string; the bytes of a Postgres bytea (\\x…) as well
  roles          optional: separated by spaces or commas, or {a,b} as Postgres
                 writes them; a list in JSON
  created_at     optional, by default now: Unix time in seconds, or a time as
                 2024-05-01 12:00:00+00, by default in UTC
  disabled_at    optional: such a time, for users who may not log in

  --skip-existing     skip names that are taken, instead of rejecting the file
  --skip-unsupported  skip users whose hash cannot be imported, such as PBKDF2
                      and bcrypt, and list them
  --dry-run           only check the file
  --remote            use the production database instead of the local one
  --env <name>        use the database of this wrangler environment
  --json              print one JSON document, for scripts:
                      npm run -s users -- …
  -h, --help          show this help`

const OPTIONS = {
  ...TARGET_OPTIONS,
  'skip-existing': { type: 'boolean', default: false },
  'skip-unsupported': { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
} as const

const SCRIPT = { script: 'users', command: ['import'] }

export async function importUsers(args: string[]): Promise<void> {
  const { values, positionals } = parseArguments(args, OPTIONS, {
    ...SCRIPT,
    max: 1,
  })
  const [file] = positionals
  if (values.help) return print(HELP)
  if (!file) throw usageError('Missing file. Usage: npm run users -- import <file>', SCRIPT)
  const { entries, rejections } = parseUserFile(await readText(file))
  if (entries.length + rejections.length === 0)
    throw new CommandError('The file contains no users.')
  const target = { remote: values.remote, env: await resolveEnvironment(values.env) }
  const isSkipped = ({ hash }: Rejection) => values['skip-unsupported'] && hash !== undefined
  const unsupported = rejections.filter(isSkipped)
  const invalid = rejections.filter((rejection) => !isSkipped(rejection))

  await withIsolate(target, async ({ db }) => {
    const { fresh, same, taken } = await compareEntries(db, entries)
    const remaining = invalid.concat(values['skip-existing'] ? [] : taken.map(toTakenRejection))
    if (remaining.length > 0) return reportRejections(remaining, values.json)
    if (!values['dry-run']) await addEntries(db, fresh, values.remote)
    const counts = { imported: fresh.length, same: same.length, skipped: taken.length }
    reportImport(counts, { unsupported, json: values.json, dryRun: values['dry-run'] })
  })
}

async function readText(file: string): Promise<string> {
  try {
    const bytes = file === '-' ? await buffer(process.stdin) : readFileSync(file)
    return new TextDecoder(findEncoding(bytes), { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch (error) {
    const advice = error instanceof TypeError ? ". In a spreadsheet, save it as 'CSV UTF-8'." : ''
    throw new CommandError(`Cannot read ${file}: ${messageOf(error)}${advice}`)
  }
}

/** Excel's 'Unicode Text' is UTF-16 with a byte order mark. */
function findEncoding([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
}
