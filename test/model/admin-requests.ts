// What admins do over HTTP, and operators on the command line.

import * as fc from 'fast-check'

import { markEveryoneRevoked } from '../../src/db/everyone.ts'
import { changeUser, deleteUser } from '../../src/db/user-changes.ts'
import { AppError, ERRORS } from '../../src/errors.ts'
import { hashCheaply, importUser, OPERATOR } from './deployment.ts'
import { anyClient, anyIsolate, anyUser, bearer, type Intent, json } from './requests.ts'
import * as rules from './admin-rules.ts'

type ToChange = (password: string) => rules.UserChange

const anyChange = fc.constantFrom<ToChange[]>(
  () => ({ disabled: true }),
  () => ({ disabled: false }),
  () => ({ remove: true }),
  () => ({ roles: ['admin'] }),
  () => ({ roles: ['editor'] }),
  () => ({ roles: [] }),
  (password) => ({ password }),
  (password) => ({ create: true, roles: [], password }),
  (password) => ({ create: true, roles: ['admin'], password }),
)

export const administer = fc
  .record({ isolate: anyIsolate, client: anyClient, user: anyUser, toChange: anyChange })
  .map(({ isolate, client, user: username, toChange }): Intent => (story) => {
    const token = story.adminAt(client)?.at(-1)?.access
    const change = toChange(story.newPassword)
    if (!token || ('password' in change && username === token.claims.sub)) return undefined
    const { create: isNew, ...fields } = { create: false, ...change }
    const method = isNew ? 'POST' : 'remove' in change ? 'DELETE' : 'PATCH'
    const { body, ...rest } = json(isNew ? { username, ...fields } : fields, bearer(token))
    const init = { ...rest, method, ...(method !== 'DELETE' && { body }) }
    return {
      title: `${story.nameOf(token)}, an admin, changes ${username}: ${JSON.stringify(change)}`,
      isolate,
      rule: rules.administer(token, username, change),
      send: () => story.real.send(isolate, isNew ? '/users' : `/users/${username}`, init),
    }
  })

/** The clock of an operator's machine may be wrong by any amount. */
export const operate = fc
  .record({ user: anyUser, toChange: anyChange, wrongBy: fc.constantFrom(0, -100_000, 100_000) })
  .map(({ user: username, toChange, wrongBy }): Intent => ({ real, newPassword }) => {
    const change = toChange(newPassword)
    const run = (db: D1Database) => applyChange(db, username, change, real.now + wrongBy)
    const clock = wrongBy === 0 ? '' : `, with a clock that is wrong by ${wrongBy} seconds`
    return {
      title: `an operator changes ${username}: ${JSON.stringify(change)}${clock}`,
      isolate: OPERATOR,
      rule: rules.changeUser(username, change, { keepLastAdmin: false }),
      send: () => real.operate(run),
    }
  })

/** Changes a user as the command line does; returns the status that HTTP would have. */
async function applyChange(
  db: D1Database,
  username: string,
  change: rules.UserChange,
  now: number,
): Promise<number> {
  if ('create' in change) return respond(() => importUser(db, { username, ...change }, now), 201)
  const target = { username }
  const toFields = (fields: Exclude<rules.UserChange, { remove: true }>) =>
    'password' in fields ? { passwordHash: hashCheaply(fields.password) } : fields
  const apply = () =>
    'remove' in change
      ? deleteUser(db, target, now)
      : changeUser(db, { ...target, change: toFields(change) }, now)
  return respond(apply, 200)
}

/** Returns the status that HTTP would have: that of the error, if it is an expected one. */
async function respond(run: () => Promise<unknown>, success: number): Promise<number> {
  try {
    await run()
    return success
  } catch (error) {
    if (error instanceof AppError) return ERRORS[error.code].status
    throw error
  }
}

/** An operator who gets an error repeats it: what revokes everyone is more than one statement. */
export const revokeEveryone = fc.constant<Intent>(({ real }) => ({
  title: 'an operator revokes the sessions of everyone',
  isolate: OPERATOR,
  rule: rules.revokeEveryone,
  send: async () => {
    const run = () => real.operate((db) => markEveryoneRevoked(db).then(() => 200))
    const answer = await run()
    return answer.status === 200 ? answer : run()
  },
}))
