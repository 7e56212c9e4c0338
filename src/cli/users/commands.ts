// What `npm run users` does, each with its answer for people and for scripts.

import { newPasswordProblem } from '../../auth/passwords/rules.ts'
import { hashPassword } from '../../auth/passwords/hash.ts'
import { usernameProblem } from '../../auth/usernames.ts'
import { revokeEverySession } from '../../db/session-revocation.ts'
import { listSessions } from '../../db/sessions.ts'
import { type Changed, changeUser, deleteUser, type NotChanged } from '../../db/user-changes.ts'
import { findUser, insertUser, listUsers, type User } from '../../db/users.ts'
import { MAX_ROLES, ROLE, ROLE_RULE } from '../../contract/requests.ts'
import { argon2id } from './argon2.ts'
import { readMinLength, type Target } from '../cloudflare/database.ts'
import { Failure } from '../terminal/failure.ts'
import { confirm, readNewPassword } from '../terminal/prompt.ts'
import { toDay, toMinute, toTable } from '../terminal/table.ts'

export type Options = Target & {
  yes: boolean
  everyone: boolean
  role: string[]
  limit: number
  after: string
}
export type Answer = { text: string; json: unknown }
type Command = {
  /** Whether it takes a name: `prefix` may be left out, and `everyone` takes --everyone in its place. */
  takes: 'name' | 'prefix' | 'everyone'
  run: (db: D1Database, name: string, options: Options) => Promise<Answer>
}

const now = () => Math.floor(Date.now() / 1000)

const nobody = (name: string) =>
  new Failure(`There is no user '${name}'. See 'npm run users -- list'.`)

/** A command that changes a user. No admin has to remain: who is at this command line can make one. */
const changing = (
  done: string,
  change: (...args: Parameters<Command['run']>) => Promise<Changed | NotChanged>,
): Command => ({
  takes: 'name',
  async run(db, name, options) {
    if (typeof (await change(db, name, options)) === 'string') throw nobody(name)
    return { text: `${name}: ${done}`, json: { ok: true, username: name } }
  },
})

export const COMMANDS: Record<string, Command> = {
  add: {
    takes: 'name',
    async run(db, name, options) {
      const problem = usernameProblem(name)
      if (problem) throw new Failure(`Username refused: ${problem}`)
      const roles = checkRoles(options.role)
      const passwordHash = await readHash(db, name, options)
      if (await insertUser(db, { username: name, passwordHash, roles }, now()))
        return { text: `${name}: added`, json: { ok: true, username: name } }
      throw new Failure(
        `There is a user '${name}' already, perhaps in another case. See 'npm run users -- list ${name}'.`,
      )
    },
  },
  list: {
    takes: 'prefix',
    async run(db, prefix, { limit, after }) {
      const { users, next } = await listUsers(db, { prefix, limit, after })
      const table = toTable(
        ['name', 'roles', 'created', 'disabled'],
        users.map((user) => [
          user.username,
          user.roles.join(' '),
          toDay(user.createdAt),
          toDay(user.disabledAt),
        ]),
      )
      const more = next === null ? '' : `\n… and more: --after '${next}'`
      return { text: table + more, json: { users: users.map(toEntry), next } }
    },
  },
  sessions: {
    takes: 'name',
    async run(db, name, { limit, after }) {
      const user = await findUser(db, name)
      if (!user) throw nobody(name)
      const { rows, next } = await listSessions(db, { userId: user.id }, { limit, after }, now())
      const table = toTable(
        ['started (UTC)', 'refreshed', 'expires', 'country', 'client'],
        rows.map((row) => [
          toMinute(row.created_at),
          toMinute(row.refreshed_at),
          toMinute(row.expires_at),
          row.country,
          row.user_agent,
        ]),
      )
      const more = next === null ? '' : `\n… and more: --after '${next}'`
      return { text: table + more, json: { sessions: rows, next } }
    },
  },
  logout: {
    takes: 'everyone',
    async run(db, name, options) {
      if (!options.everyone) return changingSessions.run(db, name, options)
      if (!options.yes && !(await confirm('Log everyone out?')))
        throw new Failure('Nobody logged out.')
      const ended = await revokeEverySession(db)
      return {
        text: `everyone: ${ended} ${ended === 1 ? 'session' : 'sessions'} ended`,
        json: { ok: true, sessions: ended },
      }
    },
  },
  passwd: changing('password changed, sessions ended', async (db, name, options) =>
    changeUser(db, name, { passwordHash: await readHash(db, name, options) }, now()),
  ),
  roles: changing('roles set, sessions ended', (db, name, { role }) =>
    changeUser(db, name, { roles: checkRoles(role) }, now()),
  ),
  disable: changing('disabled, sessions ended', (db, name) =>
    changeUser(db, name, { disabled: true }, now()),
  ),
  enable: changing('enabled', (db, name) => changeUser(db, name, { disabled: false }, now())),
  remove: changing('removed, sessions ended', async (db, name, { yes }) => {
    if (!yes && !(await confirm(`Remove ${name}?`))) throw new Failure('Nothing removed.')
    return deleteUser(db, name, now())
  }),
}

const changingSessions = changing('sessions ended', (db, name) => changeUser(db, name, {}, now()))

function checkRoles(roles: string[]): string[] {
  if (roles.length > MAX_ROLES || !roles.every((role) => ROLE.test(role)))
    throw new Failure(`Roles refused: at most ${MAX_ROLES}, ${ROLE_RULE}.`)
  return roles
}

async function readHash(db: D1Database, username: string, { env }: Options): Promise<string> {
  const password = await readNewPassword()
  const rules = { username, minLength: await readMinLength(env) }
  const problem = await newPasswordProblem(db, password, rules)
  if (problem) throw new Failure(`Password refused: ${problem}`)
  return hashPassword(password, argon2id)
}

const toEntry = ({ username, roles, createdAt, disabledAt }: User) => ({
  username,
  roles,
  created_at: createdAt,
  disabled_at: disabledAt,
})
