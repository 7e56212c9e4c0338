// Verifying tokens: `hono/jwt` checks the signature, this file checks everything that it leaves open.

import { verify } from 'hono/jwt'

import type { Settings } from '../../config.ts'
import { AppError } from '../../errors.ts'
import type { Isolate } from '../../isolate.ts'
import type { Key, KeyRing } from '../keys/key-ring.ts'
import { type AccessClaims, type Claims, parseClaims, toRefreshAudience } from './claims.ts'
import { isAscii, parseCompactJws, parseSegment } from './compact-jws.ts'

/** How far two clocks may differ. */
const CLOCK_TOLERANCE_SECONDS = 5

/**
 * Returns the claims of a token of either type that is valid at `now`. Checks, in this order: form, key
 * by `kid`, algorithm and signature, claims, times; before the signature nothing but `kid` is used. A
 * valid access token is cached by its exact text; settings and times are checked at every request.
 * Throws `token_malformed`, `token_signature`, `token_invalid` or `token_expired`.
 */
export async function verifyToken(isolate: Isolate, token: string, now: number): Promise<Claims> {
  const cached = verifyCached(isolate, token, now)
  if (cached) return cached
  const claims = await verifyAndParse(token, await isolate.keyRing())
  checkClaims(claims, isolate.settings, now)
  if (claims.type === 'access') isolate.tokenCache.add(token, claims)
  return claims
}

/** Returns what `verifyToken` does if the token is cached, otherwise undefined: nothing to await in most requests. */
export function verifyCached(
  { tokenCache, settings }: Isolate,
  token: string,
  now: number,
): AccessClaims | undefined {
  const cached = tokenCache.get(token)
  if (cached) checkClaims(cached, settings, now)
  return cached
}

const invalid = (reason: string) => new AppError('token_invalid', { reason })

/** Returns the claims of a token that a key of the ring has signed. Its times are not checked. */
async function verifyAndParse(token: string, ring: KeyRing): Promise<Claims> {
  const [header, payload] = parseCompactJws(token)
  const key = findKey(header, ring)
  if (!key) throw new AppError('token_signature', { reason: 'unknown kid' })
  const parsed = await verifySignature(token, key)
  // hono/jwt replaces invalid UTF-8 (RFC 7519 7.2), which ASCII does not contain.
  const claims = parseClaims(isAscii(payload) ? parsed : parseSegment(payload))
  if (!claims) throw invalid('claim missing or of another type')
  return claims
}

/** Finds the key that a header names by `kid`. The Worker's own header is compared as a string. */
function findKey(header: string, { byKid }: KeyRing): Key | undefined {
  for (const key of byKid.values()) if (key.header === header) return key
  return byKid.get(Object(parseSegment(header)).kid)
}

/** Checks algorithm and signature only, and returns the payload, decoded leniently. Throws `token_signature`. */
export async function verifySignature(
  token: string,
  key: Pick<Key, 'alg' | 'verifying'>,
): Promise<unknown> {
  try {
    return await verify(token, key.verifying, { alg: key.alg, exp: false, nbf: false, iat: false })
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
