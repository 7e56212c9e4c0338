// Verifying tokens: `hono/jwt` checks the signature, this file checks everything that it leaves open.

import { verify } from 'hono/jwt'

import type { Settings } from '../../config.ts'
import { AppError } from '../../errors.ts'
import type { Isolate } from '../../isolate.ts'
import type { Key, KeyRing } from '../keys/key-ring.ts'
import { type Claims, parseClaims, toRefreshAudience } from './claims.ts'
import { parseCompactJws, parseSegment } from './compact-jws.ts'

/** How far two clocks may differ. */
const CLOCK_TOLERANCE_SECONDS = 5

/**
 * Returns the claims of a token of either type that is valid at `now`. Checks, in this order: form, key
 * by `kid`, algorithm and signature, claims, times; before the signature nothing but `kid` is used. A
 * valid access token is cached by its exact text; settings and times are checked at every request.
 * Throws `token_malformed`, `token_signature`, `token_invalid` or `token_expired`.
 */
export async function verifyToken(isolate: Isolate, token: string, now: number): Promise<Claims> {
  const cached = isolate.tokenCache.get(token)
  const claims = cached ?? (await verifyAndParse(token, await isolate.keyRing()))
  checkClaims(claims, isolate.settings, now)
  if (!cached && claims.type === 'access') isolate.tokenCache.add(token, claims)
  return claims
}

const invalid = (reason: string) => new AppError('token_invalid', { reason })

/** Returns the claims of a token that a key of the ring has signed. Its times are not checked. */
async function verifyAndParse(token: string, ring: KeyRing): Promise<Claims> {
  const [header, payload] = parseCompactJws(token)
  const key = ring.byKid.get(Object(parseSegment(header)).kid)
  if (!key) throw new AppError('token_signature', { reason: 'unknown kid' })
  await verifySignature(token, key)
  const claims = parseClaims(parseSegment(payload)) // hono/jwt replaces invalid UTF-8 (RFC 7519 7.2)
  if (!claims) throw invalid('claim missing or of another type')
  return claims
}

/** Checks algorithm and signature only. Throws `token_signature`. */
export async function verifySignature(
  token: string,
  key: Pick<Key, 'alg' | 'verifying'>,
): Promise<void> {
  try {
    await verify(token, key.verifying, { alg: key.alg, exp: false, nbf: false, iat: false })
  } catch (error) {
    // By name, because a key that fails is not a bad token; without the message, which quotes the token.
    const isBadToken = error instanceof Error && error.name.startsWith('Jwt')
    throw isBadToken ? new AppError('token_signature', { reason: error.name }) : error
  }
}

/** Throws `token_invalid` or `token_expired`. */
function checkClaims(claims: Claims, settings: Settings, now: number): void {
  const { type, iss, aud, iat, nbf = iat, exp } = claims
  const { JWT_ISSUER, JWT_AUDIENCE, ACCESS_TOKEN_SECONDS } = settings
  if (iss !== JWT_ISSUER) throw invalid('another issuer')
  const audience = type === 'access' ? JWT_AUDIENCE : toRefreshAudience(JWT_AUDIENCE)
  if (aud !== audience) throw invalid('another audience')
  if (Math.max(iat, nbf) > now + CLOCK_TOLERANCE_SECONDS) throw invalid('not yet valid')
  // A shortened lifetime applies at once: revoked sessions are not remembered for longer. A refresh token
  // expires exactly with its session's row, without tolerance.
  const isExpired =
    type === 'access'
      ? Math.min(exp, iat + ACCESS_TOKEN_SECONDS) <= now - CLOCK_TOLERANCE_SECONDS
      : exp <= now
  if (isExpired) throw new AppError('token_expired')
}
