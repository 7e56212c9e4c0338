// Verifying tokens: through hono/jwt, then held to everything that it leaves open. What is known is not verified again.

import { verify } from 'hono/jwt'
import * as z from 'zod/mini'

import type { Config } from '../../config.ts'
import { AppError } from '../../errors.ts'
import { parseSegment, splitToken } from './compact-jws.ts'
import type { Key, KeyRing } from '../keys/key-ring.ts'
import { VerifiedTokens } from './token-cache.ts'

/** Seconds by which two clocks may differ. */
const LEEWAY = 5

const text = z.string()
const filled = z.string().check(z.minLength(1))
const time = z.int()

const HeaderSchema = z.object({ kid: text })

const common = {
  iss: text,
  aud: text,
  sub: filled,
  sid: filled,
  auth_time: time,
  iat: time,
  nbf: z.optional(time),
  exp: time,
}
// Read-only, and frozen: later requests with the same token are handed the same claims.
const AccessClaims = z.readonly(
  z.object({
    ...common,
    type: z.literal('access'),
    jti: filled,
    roles: z.readonly(z.array(text)),
  }),
)
const RefreshClaims = z.readonly(
  z.object({
    ...common,
    type: z.literal('refresh'),
    jti: z.string().check(z.regex(/^[\w-]+\.\d{1,9}$/)),
  }),
)
const AnyClaims = z.discriminatedUnion('type', [AccessClaims, RefreshClaims])

/** The claims of an access token (RFC 7519 4.1, RFC 9068 2.2). Times are unix seconds. */
export type AccessClaims = z.output<typeof AccessClaims>
/** The claims of a refresh token: `jti` is the session's id, a dot, and its generation. */
export type RefreshClaims = z.output<typeof RefreshClaims>
export type Claims = AccessClaims | RefreshClaims

type TokenSettings = Pick<Config, 'JWT_ISSUER' | 'JWT_AUDIENCE' | 'ACCESS_TOKEN_SECONDS'>

/** By ring: what one ring has verified counts for nothing under another. */
const verified = new WeakMap<KeyRing, VerifiedTokens<AccessClaims>>()

function tokensOf(ring: KeyRing): VerifiedTokens<AccessClaims> {
  const known = verified.get(ring)
  if (known) return known
  const tokens = new VerifiedTokens<AccessClaims>()
  verified.set(ring, tokens)
  return tokens
}

/**
 * The claims of a token of either type that is genuine and good at `now`. Checks, in this order: the
 * form, the key by `kid`, algorithm and signature, the claims, the times. Before the signature has
 * been checked, nothing but `kid` is read. An access token that has passed is remembered by its exact
 * text, and then held to settings and times alone. Throws `token_*`.
 */
export async function verifyToken(
  token: string,
  ring: KeyRing,
  settings: TokenSettings,
  now: number,
): Promise<Claims> {
  const tokens = tokensOf(ring)
  const known = tokens.get(token)
  const claims = known ?? (await readGenuine(token, ring))
  if (claims.iss !== settings.JWT_ISSUER) throw new AppError('token_invalid', 'another issuer')
  if (claims.aud !== settings.JWT_AUDIENCE) throw new AppError('token_invalid', 'another audience')
  checkTimes(claims, settings, now)
  if (!known && claims.type === 'access') tokens.add(token, claims)
  return claims
}

/** The claims of a token that a key of the ring has signed: the same for the same token and ring. */
async function readGenuine(token: string, ring: KeyRing): Promise<Claims> {
  const [header, payload] = splitToken(token)
  const key = findKey(header, ring)
  if (!key) throw new AppError('token_signature', 'unknown kid')
  await verifySignature(token, key)
  const { data: claims } = AnyClaims.safeParse(parseSegment(payload))
  if (!claims) throw new AppError('token_invalid', 'claim missing or of another type')
  return claims
}

/** The key that a header names by `kid`. The header of the Worker's own tokens is known as it stands. */
function findKey(header: string, { byKid }: KeyRing): Key | undefined {
  for (const key of byKid.values()) if (key.header === header) return key
  const { data: named } = HeaderSchema.safeParse(parseSegment(header))
  return named && byKid.get(named.kid)
}

/** Algorithm and signature alone: the claims are checked by their own schema afterwards. */
export async function verifySignature(
  token: string,
  key: Pick<Key, 'alg' | 'verifying'>,
): Promise<void> {
  try {
    await verify(token, key.verifying, { alg: key.alg, exp: false, nbf: false, iat: false })
  } catch (error) {
    // Named, since a key that fails is no bad token; and without its text, which quotes the token.
    const refused = error instanceof Error && error.name.startsWith('Jwt')
    throw refused ? new AppError('token_signature', error.name) : error
  }
}

function checkTimes(claims: Claims, { ACCESS_TOKEN_SECONDS }: TokenSettings, now: number): void {
  const { type, iat, nbf = iat, exp } = claims
  if (iat > now + LEEWAY || nbf > now + LEEWAY) throw new AppError('token_invalid', 'not yet valid')
  // A lifetime that has been shortened holds at once: ended sessions are remembered no longer.
  const end = type === 'access' ? Math.min(exp, iat + ACCESS_TOKEN_SECONDS) : exp
  if (end <= now - LEEWAY) throw new AppError('token_expired', 'expired')
}
