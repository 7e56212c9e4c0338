// npm run users: adds, lists, changes and removes users, in the local database or in production's.

import { parseArgs } from 'node:util'

import { hashPassword, passwordProblem } from '../auth/passwords.ts'
import { usernameProblem } from '../auth/usernames.ts'
import { isCommonPassword } from '../auth/common-passwords.ts'
import {
  deleteUser,
  disableUser,
  enableUser,
  insertUser,
  listUsers,
  setPasswordHash,
  setRoles,
  type User,
} from '../db/users.ts'
import { AppError } from '../errors.ts'
import { argon2id } from './argon2.ts'
import { readMinLength, type Target, withDatabase } from './database.ts'
import { exportUsers } from './export.ts'
import { Failure, runCommand } from './failure.ts'
import { importUsers } from './import.ts'
import { confirm, readNewPassword } from './prompt.ts'

const HELP = `Usage: npm run users -- <command> [name] [options]

  add <name> [--role <role>]…    add a user; asks for the password, or reads it from standard input
  list                           all users
  passwd <name>                  set a new password
  roles <name> [--role <role>]…  set the roles; without --role: none
  disable <name>                 refuse log-ins
  enable <name>                  allow them again
  remove <name>                  remove the user
  import <file>                  add users with the password hashes they have, from a Flask app for one
  export <file>                  write all users, with their hashes, to a file that import takes

passwd, roles, disable and remove also end the user's sessions.

  --remote      production's database instead of the local one
  --env <name>  the database of this wrangler environment
  --json        for scripts: one JSON document
  --yes         remove without asking
  --help        this text`

const MAX_LISTED = 10_000

type Options = Target & { json: boolean; yes: boolean; role: string[] }
type Action = (db: D1Database, name: string, options: Options) => Promise<string>

const now = () => Math.floor(Date.now() / 1000)

/** Changes a user by `change`, which says whether there is one of this name. */
const changing =
  (
    done: string,
    change: (db: D1Database, name: string, options: Options) => Promise<boolean>,
  ): Action =>
  async (db, name, options) => {
    if (await change(db, name, options)) return `${name}: ${done}`
    throw new Failure(`There is no user '${name}'. See 'npm run users -- list'.`)
  }

const ACTIONS: Record<string, Action> = {
  async add(db, name, options) {
    const problem = usernameProblem(name)
    if (problem) throw new Failure(`Username refused: ${problem}`)
    const passwordHash = await readHash(db, name, options)
    if (await insertUser(db, { username: name, passwordHash, roles: options.role }, now()))
      return `${name}: added`
    throw new Failure(`There is a user '${name}' already. See 'npm run users -- passwd ${name}'.`)
  },
  passwd: changing('password changed, sessions ended', async (db, name, options) =>
    setPasswordHash(db, name, await readHash(db, name, options), now()),
  ),
  roles: changing('roles set, sessions ended', (db, name, { role }) =>
    setRoles(db, name, role, now()),
  ),
  disable: changing('disabled, sessions ended', (db, name) => disableUser(db, name, now())),
  enable: changing('enabled', (db, name) => enableUser(db, name)),
  remove: changing('removed, sessions ended', async (db, name, { yes }) => {
    if (!yes && !(await confirm(`Remove ${name}?`))) throw new Failure('Nothing removed.')
    return deleteUser(db, name, now())
  }),
}

async function readHash(db: D1Database, username: string, { env }: Options): Promise<string> {
  const password = await readNewPassword()
  const problem =
    passwordProblem(password, { username, minLength: await readMinLength(env) }) ??
    ((await isCommonPassword(db, password)) ? 'Is a common password.' : undefined)
  if (problem) throw new Failure(`Password refused: ${problem}`)
  return hashPassword(password, argon2id)
}

function toTable(users: User[]): string {
  const day = (seconds: number | null) =>
    seconds === null ? '' : new Date(seconds * 1000).toISOString().slice(0, 10)
  const rows = [
    ['name', 'roles', 'created', 'disabled'],
    ...users.map((user) => [
      user.username,
      user.roles.join(' '),
      day(user.createdAt),
      day(user.disabledAt),
    ]),
  ]
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}

const toJson = ({ username, roles, createdAt, disabledAt }: User) => ({
  username,
  roles,
  created_at: createdAt,
  disabled_at: disabledAt,
})

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        role: { type: 'string', multiple: true, default: [] },
        remote: { type: 'boolean', default: false },
        env: { type: 'string' },
        json: { type: 'boolean', default: false },
        yes: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
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
  const [command, name, ...rest] = positionals
  if (values.help || !command) return console.log(HELP)
  const options: Options = { ...values, env: values.env }
  const action = ACTIONS[command]
  if (!action && command !== 'list')
    throw new Failure(`Unknown command '${command}'.\n\n${HELP}`, 2)
  if (rest.length > 0 || (name !== undefined && !action))
    throw new Failure(`Too many arguments. A password is never one: it is asked for.\n\n${HELP}`, 2)
  if (action && !name) throw new Failure(`Whom? npm run users -- ${command} <name>`, 2)

  await withDatabase(options, async (db) => {
    if (action && name) {
      const done = await action(db, name.normalize('NFC'), options)
      return console.log(options.json ? JSON.stringify({ ok: true, username: name }) : done)
    }
    const users = await listUsers(db, MAX_LISTED)
    return console.log(options.json ? JSON.stringify(users.map(toJson)) : toTable(users))
  }).catch((error: unknown) => {
    throw error instanceof AppError ? new Failure(`The database failed: ${error.message}`) : error
  })
})
