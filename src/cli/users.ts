// npm run users: adds, lists, changes and removes users, in the local database or in production's.

import { parseArgs } from 'node:util'

import { TARGET_OPTIONS } from './terminal/arguments.ts'
import { withDatabase } from './cloudflare/database.ts'
import { exportUsers } from './users/export.ts'
import { Failure, runCommand } from './terminal/failure.ts'
import { importUsers } from './users/import.ts'
import { COMMANDS } from './users/commands.ts'

const HELP = `Usage: npm run users -- <command> [name] [options]

  add <name> [--role <role>]…    add a user; asks for the password, or reads it from standard input
  list [<prefix>]                users by name, or those whose names begin so, in any case
  passwd <name>                  set a new password
  roles <name> [--role <role>]…  set the roles; without --role: none
  disable <name>                 refuse log-ins
  enable <name>                  allow them again
  remove <name>                  remove the user
  sessions <name>                where the user is logged in
  logout <name> | --everyone     end the user's sessions, or all of all users
  import <file>                  add users with the password hashes they have, from a Flask app for one
  export <file>                  write all users, with their hashes, to a file that import takes

passwd, roles, disable and remove also end the user's sessions.

  --limit <n>   how many list and sessions show: 100
  --after <x>   the page after, as the one before says
  --remote      production's database instead of the local one
  --env <name>  the database of this wrangler environment
  --json        for scripts: one JSON document
  --yes         remove, or log everyone out, without asking
  --help        this text`

const MAX_LIMIT = 10_000

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        ...TARGET_OPTIONS,
        role: { type: 'string', multiple: true, default: [] },
        everyone: { type: 'boolean', default: false },
        limit: { type: 'string', default: '100' },
        after: { type: 'string', default: '' },
        yes: { type: 'boolean', default: false },
      },
    })
  } catch {
    // An unknown option, which may be a password: it is not repeated.
    throw new Failure(
      `Unknown option. Passwords are never options: they are asked for.\n\n${HELP}`,
      2,
    )
  }
}

await runCommand(async () => {
  const [first, ...others] = process.argv.slice(2)
  if (first === 'import') return importUsers(others)
  if (first === 'export') return exportUsers(others)
  const { values, positionals } = parseCommandLine()
  const [verb, name, ...rest] = positionals
  if (values.help || !verb) return console.log(HELP)
  const command = COMMANDS[verb]
  if (!command) throw new Failure(`Unknown command '${verb}'.\n\n${HELP}`, 2)
  const { everyone } = values
  if (rest.length > 0 || (everyone && name !== undefined))
    throw new Failure(`Too many arguments. A password is never one: it is asked for.\n\n${HELP}`, 2)
  if (everyone && command.takes !== 'everyone')
    throw new Failure(`'${verb}' takes no --everyone.\n\n${HELP}`, 2)
  if (!name && !everyone && command.takes !== 'prefix')
    throw new Failure(`Whom? npm run users -- ${verb} <name>`, 2)
  const limit = /^\d+$/.test(values.limit) ? Number(values.limit) : 0
  if (limit < 1 || limit > MAX_LIMIT)
    throw new Failure(`--limit must be between 1 and ${MAX_LIMIT}.\n\n${HELP}`, 2)

  const options = { ...values, env: values.env, limit }
  const answer = await withDatabase(options, (db) =>
    command.run(db, (name ?? '').normalize('NFC'), options),
  )
  console.log(values.json ? JSON.stringify(answer.json) : answer.text)
})
