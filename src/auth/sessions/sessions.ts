// Sessions: started by a login, continued by refreshing, revoked by logout or reuse.

import { requireFewLogins } from '../../db/login-failures.ts'
import * as revocation from '../../db/session-revocation.ts'
import {
  countRepeat,
  findSession,
  insertSession,
  type Login,
  rotateSession,
  type Session,
} from '../../db/sessions.ts'
import { AppError } from '../../errors.ts'
import type { Isolate } from '../../isolate.ts'
import { randomId, toLogId } from '../encoding.ts'
import { keyedHash } from '../keys/key-ring.ts'
import type { RefreshClaims } from '../tokens/claims.ts'

/** Where a login comes from. `address` is a network: an IPv4 address, or an IPv6 /64. */
export type ClientInfo = { address: string; userAgent: string; country: string }

/**
 * Starts a session for a user whose password has just been checked. Throws `bad_credentials`, `otp_wrong` or
 * `too_many_attempts`.
 */
export async function startSession(
  isolate: Isolate,
  { client, ...login }: Omit<Login, 'session'> & { client: ClientInfo },
  now: number,
): Promise<Session> {
  const session = await toNewSession(isolate, client)
  const started = await insertSession(isolate.db, { ...login, session }, now)
  if (!started) {
    await requireFewLogins(isolate.db, login.user.id, now)
    const code = login.proof ? 'otp_wrong' : 'bad_credentials'
    throw new AppError(code, { reason: 'changed or used meanwhile' })
  }
  isolate.revokedSessions.add(started.revoked)
  return started.session
}

/** Returns what is stored of a session that is about to start. */
export async function toNewSession(isolate: Isolate, client: ClientInfo) {
  const lookup = lifetimesOf(isolate, randomId())
  const logId = await toLogId(lookup.id)
  return { ...lookup, ...client, logId, maxSessions: isolate.settings.MAX_SESSIONS }
}

/**
 * How often in a session's life the previous token may be repeated from another network than the one that
 * refreshed: a client that lost its response may have moved, but not again and again.
 */
const MAX_FOREIGN_REPEATS = 3

/**
 * Moves the session of a refresh token to its next generation. The previous token, within the grace, gets
 * the session as it is (`isRepeated`), so that lost responses and several tabs converge. Throws
 * `token_revoked` or `token_reused`.
 */
export async function refreshSession(
  isolate: Isolate,
  { claims, client }: { claims: RefreshClaims; client: ClientInfo },
  now: number,
): Promise<{ session: Session; isRepeated: boolean }> {
  const { sid: id } = claims
  const network = await keyedHash(await isolate.keyRing(), ['network', client.address])
  const rotation = { ...lifetimesOf(isolate, id), generation: generationOf(claims), network }
  const rotated = await rotateSession(isolate.db, { ...rotation, ...client }, now)
  if (rotated) return { session: rotated, isRepeated: false }
  const session = await checkRefreshToken(isolate, claims, now)
  if (await countRepeat(isolate.db, { id, network }, MAX_FOREIGN_REPEATS))
    return { session, isRepeated: true }
  throw await revokeReused(isolate, session, { reason: 'repeated from other networks', now })
}

/** Revokes a session whose refresh token was used twice (RFC 9700 4.14.2), and returns the error to throw. */
async function revokeReused(
  isolate: Isolate,
  { id: sid, username }: Session,
  { reason, now }: { reason: string; now: number },
): Promise<AppError> {
  const revoked = await revokeSession(isolate, { id: sid, by: 'reuse' }, now)
  return new AppError(revoked ? 'token_reused' : 'token_revoked', { reason, username, sid })
}

/** The lifetimes that are set now: a session that began under longer ones is held to these. */
const lifetimesOf = ({ settings }: Isolate, id: string) => ({
  id,
  idleSeconds: settings.SESSION_IDLE_SECONDS,
  maxSeconds: settings.SESSION_MAX_SECONDS,
})

const generationOf = ({ jti }: RefreshClaims) => Number(jti.slice(jti.indexOf('.') + 1))

/**
 * Returns the live session of a refresh token that is its newest, or the previous one within the grace. Any
 * older token has been used twice, so the session is revoked (RFC 9700 4.14.2). Throws
 * `token_revoked` or `token_reused`.
 */
export async function checkRefreshToken(
  isolate: Isolate,
  claims: RefreshClaims,
  now: number,
): Promise<Session> {
  const { sid } = claims
  const session = await requireLiveSession(isolate, claims, now)
  const behind = session.generation - generationOf(claims)
  // Ahead: the database was restored to an earlier state.
  if (behind < 0) throw new AppError('token_revoked', { reason: 'unknown generation', sid })
  if (behind === 0) return session
  const { REFRESH_GRACE_SECONDS } = isolate.settings
  const isWithinGrace =
    REFRESH_GRACE_SECONDS > 0 && now - session.rotatedAt <= REFRESH_GRACE_SECONDS
  if (behind === 1 && isWithinGrace) return session
  throw await revokeReused(isolate, session, { reason: `${behind} generations old`, now })
}

/**
 * Returns the live session of a token, of the user that the token names, as it is now. Throws `token_revoked`,
 * also for a session that never existed: a leaked secret can sign any claims.
 */
export async function requireLiveSession(
  isolate: Isolate,
  { sid, sub }: { sid: string; sub: string },
  now: number,
): Promise<Session> {
  const session = await findSession(isolate.db, lifetimesOf(isolate, sid), now)
  if (session?.username === sub) return session
  throw new AppError('token_revoked', { reason: 'the session is not live', sid })
}

/**
 * Revokes a session, here at once and elsewhere within `REVOCATION_SECONDS`; returns false when it was
 * revoked already.
 */
export async function revokeSession(isolate: Isolate, session: revocation.Revocation, now: number) {
  const revoked = await revocation.markRevoked(isolate.db, session, now)
  isolate.revokedSessions.add([session.id])
  return revoked
}

/** Revokes all other sessions of a session's user. */
export async function revokeOtherSessions(
  isolate: Isolate,
  ownId: string,
  now: number,
): Promise<void> {
  isolate.revokedSessions.add(await revocation.markOthersRevoked(isolate.db, ownId, now))
}

/** Revokes a session of the same user as session `ownId`. Throws `not_found` for any other. */
export async function revokeOwnSession(
  isolate: Isolate,
  ids: { id: string; ownId: string },
  now: number,
): Promise<void> {
  if (!(await revocation.markOwnRevoked(isolate.db, ids, now))) throw new AppError('not_found')
  isolate.revokedSessions.add([ids.id])
}
