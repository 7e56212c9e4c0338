// What a command takes away for good: shown first, and done only after a yes or with --yes.

import { requireUser } from '../../auth/users.ts'
import { countEveryone } from '../../db/everyone.ts'
import { listFactors } from '../../db/factors.ts'
import { listSessions } from '../../db/session-list.ts'
import type { Isolate } from '../../isolate.ts'
import type { Target } from '../cloudflare/isolate.ts'
import { confirm } from '../terminal/prompt.ts'

type Options = Target & { yes: boolean }

const MAX_SESSIONS = 1000

/** Asks before a user is removed. Throws `not_found`. */
export async function confirmRemoval(isolate: Isolate, username: string, options: Options) {
  if (options.yes) return
  const { id, roles } = await requireUser(isolate, username)
  const who = roles.length > 0 ? `${username} (${toRoles(roles)})` : `${username} (no roles)`
  const sessions = await countSessions(isolate, id)
  await confirm(`This removes ${who} and ends ${sessions}, in ${toPlace(options)}.`, options)
}

/** Asks before a user loses roles: with `--role`, some expect that the others stay. Throws `not_found`. */
export async function confirmRoles(
  isolate: Isolate,
  { username, roles }: { username: string; roles: string[] },
  options: Options,
) {
  if (options.yes) return
  const user = await requireUser(isolate, username)
  const lost = user.roles.filter((role) => !roles.includes(role))
  if (lost.length === 0) return
  const rest = roles.length > 0 ? toRoles(roles) : 'no roles'
  const sessions = await countSessions(isolate, user.id)
  await confirm(
    `This takes ${toRoles(lost)} from ${username}, who then has ${rest}, and ends ${sessions}, in ${toPlace(options)}.`,
    options,
  )
}

/** Asks before a user's second factors are removed. Throws `not_found`. */
export async function confirmRemovalOfFactors(
  isolate: Isolate,
  username: string,
  options: Options,
) {
  if (options.yes) return
  const { id } = await requireUser(isolate, username)
  const factors = (await listFactors(isolate.db, id)).length
  if (factors === 0) return
  const sessions = await countSessions(isolate, id)
  await confirm(
    `This removes ${toCount(factors, 'second factor')} of ${username} with all recovery codes, so that the password is enough again, and ends ${sessions}, in ${toPlace(options)}.`,
    options,
  )
}

/** Asks before all sessions are revoked. */
export async function confirmLogoutOfEveryone({ db }: Isolate, options: Options) {
  if (options.yes) return
  const { sessions, users } = await countEveryone(db)
  await confirm(
    `This ends ${toCount(sessions, 'session')} of ${toCount(users, 'user')}, in ${toPlace(options)}.`,
    options,
  )
}

async function countSessions({ db }: Isolate, userId: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const { sessions, next } = await listSessions(db, { userId, limit: MAX_SESSIONS }, now)
  return next ? `more than ${MAX_SESSIONS} sessions` : toCount(sessions.length, 'session')
}

const toCount = (count: number, noun: string) =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`

const toRoles = (roles: string[]) =>
  `the ${roles.length === 1 ? 'role' : 'roles'} ${roles.join(', ')}`

const toPlace = ({ remote, env }: Target) =>
  `the ${remote ? 'deployed' : 'local'} database${env ? ` of ${env}` : ''}`
