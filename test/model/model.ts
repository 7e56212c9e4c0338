// What must be true of users and sessions, without a database: a state, and how requests change it.

import type { AccessClaims, RefreshClaims } from '../../src/auth/tokens/claims.ts'

export const REVOCATION_SECONDS = 5
export const GRACE_SECONDS = 30
export const ACCESS_SECONDS = 900
/** How far two clocks may differ, at the end of an access token. */
const TOLERANCE_SECONDS = 5

export type User = {
  /** Another number after the user was removed and created again. */
  account: number
  password: string
  roles: string[]
  disabled: boolean
  /** Login attempts since the last success, and when the last one was. */
  failures: number
  failedAt: number
}

export type Session = {
  username: string
  account: number
  createdAt: number
  rotatedAt: number
  expiresAt: number
  generation: number
  revokedAt: number | undefined
  /** The isolate that revoked it and so knows at once, or NOWHERE. */
  revokedIn: number
}

/** The place of what no isolate has done, or of what one may not know that it has done. */
export const NOWHERE = -1

export type State = {
  users: Record<string, User>
  /** Nobody gives themselves the name of a removed user. */
  removed: string[]
  /** By `sid`. */
  sessions: Record<string, Session>
  accounts: number
  /** How often the reuse of a refresh token was logged. */
  alarms: number
}

/** When and where a request arrives: the isolate, its keys (the first one signs) and its settings. */
export type Moment = {
  now: number
  isolate: number
  keys: number[]
  maxSeconds: number
  idleSeconds: number
}

export type Token<Claims> = { text: string; key: number; claims: Claims }
export type Tokens = { access: Token<AccessClaims>; refresh: Token<RefreshClaims> }
/** `failed`: a statement of the request failed, before or after it took effect. */
export type Answer = { status: number; code: string; failed: boolean; tokens?: Tokens | undefined }

export type Effect = (state: State, moment: Moment, answer: Answer) => void
/** A status and what has happened when a request gets it, in this order. */
export type Outcome = { status: number; effects: Effect[] }
/** What a request may lead to; more than one outcome where timing decides. */
export type Rule = (state: State, moment: Moment) => Outcome[]

/**
 * Returns the states that explain an answer; none when it contradicts the model. After a failed statement, any
 * first part of the effects may have happened: 503 does not say which.
 */
export function explain(state: State, rule: Rule, moment: Moment, answer: Answer): State[] {
  const isUncertain = answer.failed && answer.status === 503
  const apply = (effects: Effect[]) => {
    const next = structuredClone(state)
    const at = isUncertain ? { ...moment, isolate: NOWHERE } : moment
    for (const effect of effects) effect(next, at, answer)
    return next
  }
  const outcomes = rule(state, moment)
  if (isUncertain)
    return outcomes.flatMap(({ effects }) =>
      [...effects.keys(), effects.length].map((count) => apply(effects.slice(0, count))),
    )
  return outcomes
    .filter(({ status }) => status === answer.status)
    .map(({ effects }) => apply(effects))
    .filter((next) => !answer.tokens || areTrue(answer.tokens, next, moment))
}

/** Whether tokens say what is true of their session and its user now. */
function areTrue({ access, refresh }: Tokens, state: State, moment: Moment): boolean {
  const { claims } = access
  const session = state.sessions[claims.sid]
  const user = session && state.users[session.username]
  if (!session || !user || user.account !== session.account) return false
  const expiresAt = toExpiry(session, moment)
  const expected = [
    [claims.sub, session.username],
    [claims.roles.join(), user.roles.join()],
    [claims.auth_time, session.createdAt],
    [refresh.claims.auth_time, session.createdAt],
    [claims.exp, Math.min(moment.now + ACCESS_SECONDS, expiresAt)],
    [refresh.claims.jti, `${claims.sid}.${session.generation}`],
    [refresh.claims.iat, session.rotatedAt],
    [refresh.claims.exp, expiresAt],
  ]
  return expected.every(([actual, value]) => actual === value)
}

/** When a session expires under the settings of an isolate. */
const toExpiry = (session: Session, { maxSeconds, idleSeconds }: Moment): number =>
  Math.min(session.expiresAt, session.rotatedAt + idleSeconds, session.createdAt + maxSeconds)

export const isLive = (session: Session, moment: Moment): boolean =>
  session.revokedAt === undefined && toExpiry(session, moment) > moment.now

/** Whether the row of a session says that it is live, regardless of settings that were changed since. */
export const isStored = ({ revokedAt, expiresAt }: Session, now: number): boolean =>
  revokedAt === undefined && expiresAt > now

/**
 * Whether the guard accepts an access token: `either` until all isolates must know that its session is revoked.
 */
export function guardAccepts(
  state: State,
  { key, claims }: Token<AccessClaims>,
  { now, isolate, keys }: Moment,
): boolean | 'either' {
  const session = sessionOf(state, claims.sid)
  const { revokedAt, revokedIn } = session
  if (!keys.includes(key) || claims.exp <= now - TOLERANCE_SECONDS) return false
  // Both are right within the tolerance, and for a token from before settings were lowered: its session has
  // expired, but a logout or a change of the user may have revoked it.
  if (revokedAt === undefined) return (claims.exp > now && isStored(session, now)) || 'either'
  const isKnown = revokedIn === isolate && isolate !== NOWHERE
  return isKnown || now >= revokedAt + REVOCATION_SECONDS ? false : 'either'
}

/** Whether the guard may respond with this status to an access token. */
export function agrees(state: State, token: Tokens['access'], moment: Moment, status: number) {
  const accepts = guardAccepts(state, token, moment)
  return accepts === 'either' ? [200, 401].includes(status) : status === (accepts ? 200 : 401)
}

/** Returns the users as a list of strings, to be compared with the rows of the database. */
export const toUserRows = ({ users }: State): string[] =>
  Object.entries(users).map(
    ([username, { roles, disabled }]) => `${username} ${JSON.stringify(roles)} ${!disabled}`,
  )

export function sessionOf(state: State, sid: string): Session {
  const session = state.sessions[sid]
  if (!session) throw new Error('a session whose tokens were issued is in the model')
  return session
}

/** Revokes the sessions that `matches` selects. */
export function revoke(
  state: State,
  { now, isolate }: Moment,
  matches: (session: Session, sid: string) => boolean,
): void {
  for (const [sid, session] of Object.entries(state.sessions)) {
    if (!matches(session, sid) || !isStored(session, now)) continue
    session.revokedAt = now
    session.revokedIn = isolate
  }
}

/** Starts the session whose tokens are in the answer, which say when it began. */
export function start(state: State, username: string, moment: Moment, answer: Answer): void {
  const user = state.users[username]
  if (!user) return
  user.failures = 0
  if (!answer.tokens) return // the client never learns of this session
  const { sid, auth_time: createdAt } = answer.tokens.access.claims
  state.sessions[sid] = {
    username,
    account: user.account,
    createdAt,
    rotatedAt: createdAt,
    expiresAt: moment.now + Math.min(moment.maxSeconds, moment.idleSeconds),
    generation: 0,
    revokedAt: undefined,
    revokedIn: NOWHERE,
  }
}
