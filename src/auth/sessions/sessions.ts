// Sessions: started by a login, kept by refreshing, ended by logout, reuse or age.

import type { Config } from '../../config.ts'
import {
  listRevoked,
  revokeOtherSessions,
  revokeOwnSession,
  revokeSession,
} from '../../db/session-revocation.ts'
import { findSession, insertSession, rotateSession, type Session } from '../../db/sessions.ts'
import type { User } from '../../db/users.ts'
import { AppError } from '../../errors.ts'
import { randomId } from '../random.ts'
import { RevocationFeed } from './revoked-sessions.ts'
import type { RefreshClaims } from '../tokens/verify.ts'

/** Where a login comes from: its network, and the client's own words, of which 120 characters are kept. */
export type Origin = { address: string; userAgent: string; country: string }

const MAX_USER_AGENT = 120

/** Starts a session for a user whose password has just been checked; `also` in the same transaction. */
export async function startSession(
  config: Config,
  user: User,
  origin: Origin,
  now: number,
  also: D1PreparedStatement[],
): Promise<Session> {
  const id = randomId()
  const expiresAt = now + Math.min(config.SESSION_IDLE_SECONDS, config.SESSION_MAX_SECONDS)
  const userAgent = origin.userAgent.replaceAll(/\p{C}/gu, '').slice(0, MAX_USER_AGENT)
  const started = await insertSession(
    config.DB,
    user,
    { id, userAgent, country: origin.country, createdAt: now, expiresAt },
    config.MAX_SESSIONS,
    also,
  )
  if (!started) throw new AppError('bad_credentials', 'disabled or changed during the login')
  feedOf(config).note(started.ended)
  const { username } = user
  const { roles } = started
  return { id, username, roles, generation: 0, createdAt: now, rotatedAt: now, expiresAt }
}

/**
 * The session that the bearer of a refresh token may go on with: moved by one generation, or, for
 * the previous token within the grace, as it is, so that lost answers and several tabs converge.
 * Throws `token_revoked` or `token_reused`.
 */
export async function refreshSession(
  config: Config,
  claims: RefreshClaims,
  now: number,
): Promise<Session> {
  const limits = {
    idleSeconds: config.SESSION_IDLE_SECONDS,
    maxSeconds: config.SESSION_MAX_SECONDS,
  }
  const { sid: id } = claims
  const rotated = await rotateSession(
    config.DB,
    { id, generation: generationOf(claims) },
    limits,
    now,
  )
  return rotated ?? requireSession(config, claims, now)
}

const generationOf = ({ jti }: RefreshClaims) => Number(jti.slice(jti.indexOf('.') + 1))

/**
 * The live session of a refresh token that is its newest, or the previous one within the grace. Any
 * older token has been used twice: the session is ended (RFC 9700 4.14.2).
 * Throws `token_revoked` or `token_reused`.
 */
export async function requireSession(
  config: Config,
  claims: RefreshClaims,
  now: number,
): Promise<Session> {
  const { sid: id } = claims
  const current = await findSession(config.DB, id, now)
  if (!current) throw new AppError('token_revoked', 'the session has ended')
  const behind = current.generation - generationOf(claims)
  // Ahead: the database has been set back to an earlier state.
  if (behind < 0) throw new AppError('token_revoked', 'refresh token of no known generation')
  if (behind === 0) return current
  if (behind === 1 && now - current.rotatedAt <= config.REFRESH_GRACE_SECONDS) return current
  const ended = await endSession(config, id, now)
  throw new AppError(ended ? 'token_reused' : 'token_revoked', `${behind} generations old`, {
    username: current.username,
    sid: id,
  })
}

/** Ends a session, here at once and elsewhere within `REVOCATION_SECONDS`; false when it had ended. */
export async function endSession(config: Config, id: string, now: number): Promise<boolean> {
  const ended = await revokeSession(config.DB, id, now)
  feedOf(config).note([id])
  return ended
}

/** Ends the other sessions of a session's user. */
export async function endOtherSessions(config: Config, ownId: string, now: number): Promise<void> {
  feedOf(config).note(await revokeOtherSessions(config.DB, ownId, now))
}

/** Ends a session of the same user as session `ownId`. Throws `not_found` for anyone else's. */
export async function endOwnSession(
  config: Config,
  ids: { id: string; ownId: string },
  now: number,
): Promise<void> {
  const ended = await revokeOwnSession(config.DB, ids, now)
  if (!ended) throw new AppError('not_found', 'no live session of this user')
  feedOf(config).note([ids.id])
}

const feeds = new WeakMap<Config, RevocationFeed>()

/** This isolate's knowledge of ended sessions. */
export function feedOf(config: Config): RevocationFeed {
  const known = feeds.get(config)
  if (known) return known
  const feed = new RevocationFeed()
  feeds.set(config, feed)
  return feed
}

/** Beyond the lifetime of an access token: leeway, and the clocks of other isolates. */
export const MARGIN_SECONDS = 60

/**
 * Whether a session has ended, as of at most `maxAge` seconds ago; without a database read as long as
 * this isolate's knowledge is younger. `nowMs` is in milliseconds.
 */
export function isRevoked(
  config: Config,
  { sid: id, auth_time: startedAt }: { sid: string; auth_time: number },
  { nowMs, maxAge }: { nowMs: number; maxAge: number },
  inBackground: (work: Promise<void>) => void,
): Promise<boolean> {
  const since = Math.floor(nowMs / 1000) - config.ACCESS_TOKEN_SECONDS - MARGIN_SECONDS
  return feedOf(config).includes(
    { id, startedAt },
    { now: nowMs, maxAge: maxAge * 1000 },
    () => listRevoked(config.DB, since),
    inBackground,
  )
}
