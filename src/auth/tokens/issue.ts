// Issuing tokens: an access token and a refresh token for a session.

import { sign } from 'hono/jwt'

import type { TokenResponse } from '../../contract/responses.ts'
import type { Session } from '../../db/sessions.ts'
import type { Isolate } from '../../isolate.ts'
import { randomId } from '../encoding.ts'
import { toRefreshAudience } from './claims.ts'

/**
 * Signs both tokens of a session. The refresh token's claims are a function of the session's row, so that
 * the same row gives the same token again. The access token never outlives the session.
 */
export async function issueTokens(
  isolate: Isolate,
  session: Session,
  now: number,
): Promise<TokenResponse & { refresh_token: string }> {
  const { JWT_ISSUER, JWT_AUDIENCE, ACCESS_TOKEN_SECONDS } = isolate.settings
  const { signing } = (await isolate.keyRing()).current
  const common = {
    iss: JWT_ISSUER,
    sub: session.username,
    sid: session.id,
    auth_time: session.createdAt,
    amr: session.aal === 2 ? ['pwd', 'otp'] : ['pwd'],
    acr: `aal${session.aal}`,
  }
  const accessExpiresAt = Math.min(now + ACCESS_TOKEN_SECONDS, session.expiresAt)
  const access = {
    ...common,
    aud: JWT_AUDIENCE,
    type: 'access',
    jti: randomId(),
    roles: session.roles,
    iat: now,
    exp: accessExpiresAt,
  }
  const refresh = {
    ...common,
    aud: toRefreshAudience(JWT_AUDIENCE),
    type: 'refresh',
    jti: `${session.id}.${session.generation}`,
    iat: session.rotatedAt,
    exp: session.expiresAt,
  }
  // hono/jwt reads `alg` and `kid` from the key object, which is also a CryptoKey.
  return {
    access_token: await sign(access, signing),
    token_type: 'Bearer',
    expires_in: accessExpiresAt - now,
    refresh_token: await sign(refresh, signing),
    refresh_expires_in: session.expiresAt - now,
  }
}
