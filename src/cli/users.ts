// npm run users: creates, lists, changes and removes users, in the local database or in production.

import { Username } from '../contract/requests.ts'
import { resolveEnvironment } from './cloudflare/environment.ts'
import { withIsolate } from './cloudflare/isolate.ts'
import { lookUp, parseArguments, TARGET_OPTIONS } from './terminal/arguments.ts'
import { CommandError, explain, runCommand } from './terminal/command-error.ts'
import { OWN_OPTIONS } from './users/command.ts'
import { COMMANDS } from './users/commands.ts'
import { exportUsers } from './users/export.ts'
import { importUsers } from './users/import.ts'
import { parseRoles } from './users/new-user.ts'
import { print } from './terminal/output.ts'
import { missingCommand, unknownCommand, usageError } from './terminal/usage.ts'

const HELP = `Usage: npm run users -- <command> [name] [options]

  add <name> [--role <role>]…    create a user; the password is read from the
                                 terminal or from standard input
  list [<prefix>]                list users, or those whose names begin with the
                                 prefix, regardless of case
  add <name> --invite            create a user who chooses the password, and
                                 print a link for them that works once
  reset <name>                   print such a link for a user who forgot theirs
  passwd <name>                  set a new password
  roles <name> [--role <role>]…  set the roles; without --role, remove all
  disable <name>                 reject logins
  enable <name>                  accept logins again
  remove <name>                  remove the user
  sessions <name>                list where the user is logged in
  events [<name>]                list what happened to the user's account, or to
                                 all accounts
  logout <name> | --everyone     revoke the user's sessions, or everyone's
  factors <name> [--remove]      list a user's second factors, or remove all
  import <file>                  add users with their password hashes, for
                                 example from a Flask app
  export <file>                  write all users and their password hashes to a
                                 file that import can read

passwd, roles, disable, remove and factors --remove also revoke the user's
sessions.

  --limit <n>   maximum number of rows of a list (default 100)
  --after <x>   the next page; the previous page shows the value
  --remote      use the production database instead of the local one
  --env <name>  use the database of this wrangler environment
  --json        print one JSON document, for scripts: npm run -s users -- …
  --role <r>    a role; several are separated by commas, or --role is repeated
  --yes         remove users or second factors, take roles or log everyone out
                without asking; needed for that without a terminal
  -h, --help    show this help`

const NO_PASSWORDS = 'Never pass a password as an argument: the command asks for it.'
const SCRIPT = { script: 'users' }
const VERBS = [...Object.keys(COMMANDS), 'import', 'export']
const MAX_LIMIT = 10_000
const OPTIONS = {
  ...TARGET_OPTIONS,
  role: { type: 'string', multiple: true },
  everyone: { type: 'boolean' },
  invite: { type: 'boolean' },
  remove: { type: 'boolean' },
  limit: { type: 'string' },
  after: { type: 'string' },
  yes: { type: 'boolean', default: false },
} as const

function parseUsername(name: string): string {
  const { data, error } = Username.safeParse(name)
  if (data !== undefined) return data
  throw new CommandError(`Invalid username: ${error.issues[0]?.message}`)
}

function parseLimit(text: string): number {
  const limit = /^\d+$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= MAX_LIMIT) return limit
  throw usageError(`--limit must be between 1 and ${MAX_LIMIT}.`, SCRIPT)
}

await runCommand(async () => {
  const args = process.argv.slice(2)
  if (args[0] === 'import') return importUsers(args.slice(1))
  if (args[0] === 'export') return exportUsers(args.slice(1))
  const usage = { ...SCRIPT, max: args.includes('--everyone') ? 1 : 2, hint: NO_PASSWORDS }
  const { values, positionals } = parseArguments(args, OPTIONS, usage)
  const [verb, name = ''] = positionals
  if (values.help) return print(HELP)
  if (!verb) throw missingCommand(VERBS, SCRIPT)
  const command = lookUp(COMMANDS, verb)
  if (!command && VERBS.includes(verb))
    throw usageError(`'${verb}' comes before its options.`, SCRIPT)
  if (!command) throw unknownCommand(verb, VERBS, SCRIPT)
  const ignored = OWN_OPTIONS.find(
    (option) => values[option] !== undefined && !command.accepts?.includes(option),
  )
  if (ignored) throw usageError(`'${verb}' does not accept --${ignored}.`, SCRIPT)
  const roles = parseRoles(values.role ?? [])
  const { invite = false, remove = false, everyone = false } = values
  const mayLackName = ['prefix', 'name or nothing'].includes(command.argument) || everyone
  if (!mayLackName && !name)
    throw usageError(`Missing username. Usage: npm run users -- ${verb} <name>`, SCRIPT)
  const target = name && command.argument !== 'prefix' ? parseUsername(name) : name
  const env = await resolveEnvironment(values.env)
  const page = { limit: parseLimit(values.limit ?? '100'), after: values.after ?? '' }
  const options = { ...values, ...page, roles, invite, remove, everyone, env }
  const run = () => withIsolate(options, (isolate) => command.run(isolate, target, options))
  const { text, json } = await run().catch((error: unknown) => {
    throw explain(error, target)
  })
  print(values.json ? JSON.stringify(json) : text)
})
