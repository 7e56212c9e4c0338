// What the changes of admins and operators may lead to.

import type { AccessClaims } from '../../src/auth/tokens/claims.ts'
import {
  guardAccepts,
  isLive,
  type Moment,
  revoke,
  type Rule,
  sessionOf,
  type State,
  type Token,
} from './model.ts'
import { create, rejected } from './rules.ts'

const FRESH_SECONDS = 900

export type UserChange =
  | { remove: true }
  | { create: true; roles: string[]; password: string }
  | { disabled: boolean }
  | { roles: string[] }
  | { password: string }

/** What an admin with a live, recent session and that role *now* may do. */
export const administer =
  (token: Token<AccessClaims>, username: string, change: UserChange): Rule =>
  (state, moment) => {
    const session = sessionOf(state, token.claims.sid)
    const isRecent = moment.now - session.createdAt <= FRESH_SECONDS
    if (guardAccepts(state, token, moment) === false || !isLive(session, moment) || !isRecent)
      return rejected(401)
    if (!state.users[session.username]?.roles.includes('admin')) return rejected(403)
    return changeUser(username, change, { keepLastAdmin: true })(state, moment)
  }

/** What an operator may do, who needs no session; an admin must keep the last admin. */
export const changeUser =
  (username: string, change: UserChange, { keepLastAdmin }: { keepLastAdmin: boolean }): Rule =>
  ({ users }) => {
    const user = users[username]
    if ('create' in change)
      return user
        ? rejected(409)
        : [{ status: 201, effects: [create(username, change.password, change.roles)] }]
    if (!user) return rejected(404)
    const others = Object.entries(users).filter(([name]) => name !== username)
    const hasOtherAdmin = others.some(([, one]) => !one.disabled && one.roles.includes('admin'))
    if (keepLastAdmin && !hasOtherAdmin && removesAdmin(change)) return rejected(409)
    return [{ status: 200, effects: [(next, at) => applyChange(next, username, change, at)] }]
  }

const removesAdmin = (change: UserChange) =>
  'remove' in change ||
  ('disabled' in change && change.disabled) ||
  ('roles' in change && !change.roles.includes('admin'))

function applyChange(state: State, username: string, change: UserChange, moment: Moment): void {
  const user = state.users[username]
  if (!user) return
  if (!('disabled' in change) || change.disabled)
    revoke(state, moment, ({ account }) => account === user.account)
  if ('remove' in change) {
    delete state.users[username]
    state.removed.push(username)
  } else Object.assign(user, change)
}

export const revokeEveryone: Rule = () => [
  { status: 200, effects: [(state, moment) => revoke(state, moment, () => true)] },
]
