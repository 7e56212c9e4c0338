// The commands of `npm run users` that list users, sessions and events, a page at a time.

import { requireUser, toUserResponse } from '../../auth/users.ts'
import { listEvents } from '../../db/events.ts'
import { listSessions } from '../../db/session-list.ts'
import { listUsers } from '../../db/users.ts'
import { quoteAlways } from '../terminal/quote.ts'
import { toDay, toMinute, toTable } from '../terminal/table.ts'
import { type Command, now } from './command.ts'

export const LISTS = {
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
} satisfies Record<string, Command>

const toNextHint = (next: string | null): string =>
  next === null
    ? ''
    : `\n… and more: --after${next.startsWith('-') ? '=' : ' '}${quoteAlways(next)}`
