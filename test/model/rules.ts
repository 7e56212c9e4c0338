// What the requests of users may lead to.

import type { AccessClaims, RefreshClaims } from '../../src/auth/tokens/claims.ts'
import {
  type Effect,
  GRACE_SECONDS,
  guardAccepts,
  isLive,
  isStored,
  type Moment,
  type Outcome,
  revoke,
  type Rule,
  sessionOf,
  start,
  type State,
  type Token,
} from './model.ts'

/** Below this many failures nobody is locked out: ten minus the attempts that may be under way. */
const SAFE_FAILURES = 8
const MAX_LOCKOUT_SECONDS = 3600

const NOTHING: Effect[] = []
export const rejected = (status: number, effects = NOTHING): Outcome[] => [{ status, effects }]

/** Each attempt counts as a failure until its password has proven right. */
const countFailure =
  (username: string): Effect =>
  ({ users }, { now }) => {
    const user = users[username]
    if (user) Object.assign(user, { failures: user.failures + 1, failedAt: now })
  }

/** 429 is right only after failures, and not for longer than the longest lockout. */
function lockout({ users }: State, username: string, { now }: Moment): Outcome[] {
  const { failures = 0, failedAt = 0 } = users[username] ?? {}
  const mayBeLocked = failures >= SAFE_FAILURES && now < failedAt + MAX_LOCKOUT_SECONDS
  return mayBeLocked ? rejected(429) : []
}

/** Anyone who has the right password, is not disabled and not locked out gets in. */
export const login =
  (username: string, password: string, cookie?: Token<RefreshClaims>): Rule =>
  (state, moment) => {
    const user = state.users[username]
    const count = countFailure(username)
    const locked = lockout(state, username, moment)
    if (!user || user.disabled || user.password !== password)
      return [...rejected(401, [count]), ...locked]
    const begin: Effect = (next, at, answer) => start(next, username, at, answer)
    const replace = cookie ? replaceSession(state, cookie, moment) : NOTHING
    return [{ status: 200, effects: [count, begin, ...replace] }, ...locked]
  }

export const signUp =
  (username: string, password: string): Rule =>
  ({ users, removed }) => {
    if (users[username] || removed.includes(username)) return rejected(409)
    const begin: Effect = (next, at, answer) => start(next, username, at, answer)
    return [{ status: 201, effects: [create(username, password, []), begin] }]
  }

export const create =
  (username: string, password: string, roles: string[]): Effect =>
  (state) => {
    const account = (state.accounts += 1)
    const user = { account, password, roles, disabled: false, failures: 0, failedAt: 0 }
    state.users[username] = user
  }

/** Returns whether a refresh token is the newest, a retry within the grace, reused, or of no live session. */
function judge(state: State, { key, claims }: Token<RefreshClaims>, moment: Moment) {
  const session = sessionOf(state, claims.sid)
  if (!moment.keys.includes(key) || claims.exp <= moment.now) return 'dead'
  if (!isLive(session, moment)) return 'dead'
  const behind = session.generation - Number(claims.jti.split('.')[1])
  if (behind === 0) return 'newest'
  return behind === 1 && moment.now - session.rotatedAt <= GRACE_SECONDS ? 'retry' : 'reused'
}

const revokeOne =
  (sid: string): Effect =>
  (state, moment) =>
    revoke(state, moment, (_, id) => id === sid)

const alarm: Effect = (state) => {
  state.alarms += 1
}

/** A login ends the session of its cookie; a reused token raises the alarm here as well. */
function replaceSession(state: State, token: Token<RefreshClaims>, moment: Moment): Effect[] {
  const verdict = judge(state, token, moment)
  if (verdict === 'dead') return NOTHING
  const end = revokeOne(token.claims.sid)
  return verdict === 'reused' ? [end, alarm] : [end]
}

/** Each generation has one successor, which a retry within the grace gets again; reuse ends the session. */
export const refresh =
  (token: Token<RefreshClaims>): Rule =>
  (state, moment) => {
    const { sid } = token.claims
    const verdict = judge(state, token, moment)
    if (verdict === 'dead') return rejected(401)
    if (verdict === 'reused') return rejected(401, [revokeOne(sid), alarm])
    if (verdict === 'retry') return rejected(200)
    const rotate: Effect = (next, { now, idleSeconds, maxSeconds }) => {
      const session = sessionOf(next, sid)
      session.generation += 1
      session.rotatedAt = now
      session.expiresAt = Math.min(now + idleSeconds, session.createdAt + maxSeconds)
    }
    return [{ status: 200, effects: [rotate] }]
  }

/** Adds 401 where the guard may or must know that the session is revoked. */
const guarded =
  (token: Token<AccessClaims>, rule: Rule): Rule =>
  (state, moment) => {
    const accepts = guardAccepts(state, token, moment)
    const outcomes = accepts ? rule(state, moment) : []
    return accepts === true ? outcomes : [...outcomes, ...rejected(401)]
  }

export type Scope = 'session' | 'others' | 'all'

export const logout = (token: Token<AccessClaims>, scope: Scope): Rule =>
  guarded(token, (state, { now }) => {
    const { sid } = token.claims
    const session = sessionOf(state, sid)
    const { account } = session
    const others: Effect = (next, moment) =>
      revoke(next, moment, (other, id) => other.account === account && id !== sid)
    const own = revokeOne(sid)
    const effects = { session: [own], others: [others], all: [others, own] }[scope]
    // A revoked session may still log out, and its row be deleted: then it revokes nothing.
    const without = isStored(session, now) ? [] : rejected(200)
    return [{ status: 200, effects }, ...without]
  })

/** A changed password ends all sessions, also the one that asked, and starts a new one. */
export const changePassword = (
  token: Token<AccessClaims>,
  { current, next: password }: { current: string; next: string },
): Rule =>
  guarded(token, (state, moment) => {
    const { sub: username, sid } = token.claims
    const session = sessionOf(state, sid)
    const count = countFailure(username)
    const others = lockout(state, username, moment)
    // Another change may have replaced the password while this one was checked.
    if (!isStored(session, moment.now)) others.push(...rejected(401, [count]))
    const user = state.users[username]
    if (!user || user.password !== current) return [...rejected(400, [count]), ...others]
    if (!isStored(session, moment.now) || user.disabled) return others
    const change: Effect = (next, at, answer) => {
      revoke(next, at, ({ account }) => account === session.account)
      Object.assign(next.users[username] ?? {}, { password })
      start(next, username, at, answer)
    }
    return [{ status: 200, effects: [count, change] }, ...others]
  })
