// Issuing tokens: an access token and a refresh token for a session.

import { sign } from 'hono/jwt'

import type { Config } from '../../config.ts'
import type { Session } from '../../db/sessions.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { randomId } from '../random.ts'

/** The answer of a login or a refresh (RFC 6749 5.1). Lifetimes are in seconds from now. */
export type TokenAnswer = {
  access_token: string
  token_type: 'Bearer'
  expires_in: number
  refresh_token: string
  refresh_expires_in: number
}

/**
 * Signs both tokens of a session at `now`. The refresh token is made of the session's row alone, so
 * that the same row always gives the same one; the access token never outlives the session.
 */
export async function issueTokens(
  session: Session,
  { current }: KeyRing,
  config: Config,
  now: number,
): Promise<TokenAnswer> {
  const common = {
    iss: config.JWT_ISSUER,
    aud: config.JWT_AUDIENCE,
    sub: session.username,
    sid: session.id,
    auth_time: session.createdAt,
  }
  const accessExpiresAt = Math.min(now + config.ACCESS_TOKEN_SECONDS, session.expiresAt)
  const access = {
    ...common,
    type: 'access',
    jti: randomId(),
    roles: session.roles,
    iat: now,
    exp: accessExpiresAt,
  }
  const refresh = {
    ...common,
    type: 'refresh',
    jti: `${session.id}.${session.generation}`,
    iat: session.rotatedAt,
    exp: session.expiresAt,
  }
  // hono/jwt takes `alg` and `kid` from the key object, which is also a CryptoKey.
  return {
    access_token: await sign(access, current.signing),
    token_type: 'Bearer',
    expires_in: accessExpiresAt - now,
    refresh_token: await sign(refresh, current.signing),
    refresh_expires_in: session.expiresAt - now,
  }
}
