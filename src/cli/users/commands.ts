// The commands of `npm run users`, each with output for people and for scripts.

import { createResetCode, inviteUser } from '../../auth/codes/codes.ts'
import {
  createUser,
  removeUser,
  requireUser,
  toUserResponse,
  updateUser,
} from '../../auth/users.ts'
import { listEvents } from '../../db/events.ts'
import { markEveryoneRevoked } from '../../db/everyone.ts'
import { listSessions } from '../../db/session-list.ts'
import { listUsers } from '../../db/users.ts'
import type { Isolate } from '../../isolate.ts'
import type { Target } from '../cloudflare/isolate.ts'
import { toCodeOutput } from './code-link.ts'
import { removeFactors, showFactors } from './factors.ts'
import { quoteAlways } from '../terminal/quote.ts'
import { toDay, toMinute, toTable } from '../terminal/table.ts'
import {
  confirmLogoutOfEveryone,
  confirmRemoval,
  confirmRemovalOfFactors,
  confirmRoles,
} from './losses.ts'
import { askForPassword, parseRoles, requireFreeName } from './new-user.ts'

export type Options = Target & {
  invite: boolean
  yes: boolean
  everyone: boolean
  remove: boolean
  role: string[]
  limit: number
  after: string
}
export type Output = { text: string; json: unknown }
type Run<Result> = (isolate: Isolate, name: string, options: Options) => Promise<Result>
type Command = {
  /** What follows the command; `prefix` is the beginning of names, or nothing. */
  argument: 'name' | 'name or nothing' | 'name or everyone' | 'prefix'
  /** Options beside those that every command accepts. */
  accepts: ('role' | 'invite' | 'remove' | 'everyone' | 'limit' | 'after')[]
  run: Run<Output>
}

const now = () => Math.floor(Date.now() / 1000)

/** Returns a command that reports `done` for the user. */
const changing = (done: string, change: Run<unknown>): Command => ({
  argument: 'name',
  accepts: [],
  async run(isolate, name, options) {
    await change(isolate, name, options)
    return { text: `${name}: ${done}`, json: { ok: true, username: name } }
  },
})

type Change = Parameters<typeof updateUser>[1]['change']

/** Returns a command that updates the user and revokes their sessions. It may demote the last admin: `add` creates another. */
const updating = (done: string, toChange: Run<Change>) =>
  changing(done, async (isolate, username, options) => {
    const change = await toChange(isolate, username, options)
    return updateUser(isolate, { username, change }, now())
  })

const revokeSessions = updating('sessions revoked', async () => ({}))

export const COMMANDS: Record<string, Command> = {
  add: {
    argument: 'name',
    accepts: ['role', 'invite'],
    async run(isolate, username, options) {
      const roles = parseRoles(options.role)
      if (options.invite)
        return toCodeOutput(await inviteUser(isolate, { username, roles }, now()), {
          done: `${username}: invited`,
          publicUrl: isolate.settings.PUBLIC_URL,
          options,
        })
      await requireFreeName(isolate, username)
      const password = await askForPassword(isolate, username)
      await createUser(isolate, { username, roles, password }, now())
      return { text: `${username}: created`, json: { ok: true, username } }
    },
  },
  reset: {
    argument: 'name',
    accepts: [],
    async run(isolate, username, options) {
      return toCodeOutput(await createResetCode(isolate, { username }, now()), {
        done: `${username}: may choose a new password`,
        publicUrl: isolate.settings.PUBLIC_URL,
        options,
      })
    },
  },
  list: {
    argument: 'prefix',
    accepts: ['limit', 'after'],
    async run({ db }, prefix, { limit, after }) {
      const { users, next } = await listUsers(db, { prefix, limit, after })
      const table = toTable(
        ['name', 'roles', 'created', 'disabled'],
        users.map(({ username, roles, createdAt, disabledAt }) => [
          username,
          roles.join(' '),
          toDay(createdAt),
          toDay(disabledAt),
        ]),
      )
      const none = prefix
        ? `There is no user whose name begins with '${prefix}'.`
        : "There are no users. 'npm run users -- add <name>' creates one."
      const text = users.length > 0 ? table + toNextHint(next) : after ? 'No more users.' : none
      return { text, json: { users: users.map(toUserResponse), next } }
    },
  },
  sessions: {
    argument: 'name',
    accepts: ['limit', 'after'],
    async run(isolate, name, { limit, after }) {
      const { id: userId } = await requireUser(isolate, name)
      const page = await listSessions(isolate.db, { userId, limit, after }, now())
      const sessions = page.sessions.map((session) => {
        const { current: _, ...others } = session // none is that of the command line
        return others
      })
      const table = toTable(
        ['started (UTC)', 'refreshed', 'expires', 'country', 'client'],
        sessions.map((session) => [
          toMinute(session.created_at),
          toMinute(session.refreshed_at),
          toMinute(session.expires_at),
          session.country,
          session.user_agent,
        ]),
      )
      const none = after ? 'No more sessions.' : `${name} is not logged in anywhere.`
      return {
        text: sessions.length > 0 ? table + toNextHint(page.next) : none,
        json: { sessions, next: page.next },
      }
    },
  },
  factors: {
    argument: 'name',
    accepts: ['remove'],
    async run(isolate, name, options) {
      if (!options.remove) return showFactors(isolate, name)
      await confirmRemovalOfFactors(isolate, name, options)
      return removeFactors(isolate, name, now())
    },
  },
  events: {
    argument: 'name or nothing',
    accepts: ['limit', 'after'],
    async run(isolate, name, { limit, after }) {
      const username = name || undefined
      const { events, next } = await listEvents(isolate.db, { username, limit, after })
      if (username && events.length === 0 && !after) await requireUser(isolate, username)
      const table = toTable(
        ['time (UTC)', 'user', 'event', 'by', 'country', 'address', 'session'],
        events.map(({ time, username: user, event, by, country, address, session }) =>
          [toMinute(time), user, event, by, country, address, session].map((cell) => cell ?? ''),
        ),
      )
      return { text: table + toNextHint(next), json: { events, next } }
    },
  },
  logout: {
    argument: 'name or everyone',
    accepts: ['everyone'],
    async run(isolate, name, options) {
      if (!options.everyone) return revokeSessions.run(isolate, name, options)
      await confirmLogoutOfEveryone(isolate, options)
      const sessions = await markEveryoneRevoked(isolate.db)
      return {
        text: `everyone: ${sessions} ${sessions === 1 ? 'session' : 'sessions'} revoked`,
        json: { ok: true, sessions },
      }
    },
  },
  passwd: updating('password changed, sessions revoked', async (isolate, username) => {
    await requireUser(isolate, username)
    return { password: await askForPassword(isolate, username) }
  }),
  roles: {
    ...updating('roles set, sessions revoked', async (isolate, username, options) => {
      const roles = parseRoles(options.role)
      await confirmRoles(isolate, { username, roles }, options)
      return { roles }
    }),
    accepts: ['role'],
  },
  disable: updating('disabled, sessions revoked', async () => ({ disabled: true })),
  enable: updating('enabled', async () => ({ disabled: false })),
  remove: changing('removed, sessions revoked', async (isolate, username, options) => {
    await confirmRemoval(isolate, username, options)
    return removeUser(isolate, { username }, now())
  }),
}

const toNextHint = (next: string | null): string =>
  next === null
    ? ''
    : `\n… and more: --after${next.startsWith('-') ? '=' : ' '}${quoteAlways(next)}`
