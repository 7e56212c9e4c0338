// The guard: nothing behind it runs without a good access token.

import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'

import { importKey } from '../auth/keys.ts'
import { type Claims, verifyAccessToken } from '../auth/tokens.ts'
import { readConfig } from '../config.ts'
import { AppError } from '../errors.ts'
import type { AppEnv } from '../factory.ts'

/**
 * Requires `Authorization: Bearer <access token>` (RFC 6750 2.1), as Flask's `@jwt_required()` does,
 * and puts the token's claims into `c.var.user`. Mount it in a sub-router's first line: Hono runs
 * handlers in the order of their registration, so a route registered earlier is not guarded.
 *
 * @example new Hono<AppEnv>().use(jwtRequired()).get('/me', (c) => c.json(c.var.user.sub))
 */
export const jwtRequired = () =>
  createMiddleware<AppEnv & { Variables: { user: Claims } }>(async (c, next) => {
    // Nothing is registered behind the guard for this request: 404 or 405, with or without a token.
    if (c.req.routeIndex === matchedRoutes(c).length - 1) return next()
    const config = readConfig(c.env)
    const key = await importKey(config.JWT_SECRET)
    const token = readBearer(c.req.header('Authorization'))
    c.set('user', await verifyAccessToken(token, key, config, Math.floor(Date.now() / 1000)))
    await next()
  })

/** The token of an Authorization header. The scheme is compared without case (RFC 9110 11.1). */
function readBearer(header = ''): string {
  const [scheme = '', ...parts] = header.split(/ +/)
  if (header === '') throw new AppError('authorization_missing', 'no header')
  if (scheme.toLowerCase() !== 'bearer') throw new AppError('authorization_scheme', 'no Bearer')
  const [token] = parts
  if (!token || parts.length > 1) throw new AppError('authorization_malformed', 'not one token')
  return token
}
