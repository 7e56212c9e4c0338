// The guard: nothing behind it runs without a good token.

import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'

import { importRing } from '../auth/keys.ts'
import { isRevoked } from '../auth/sessions.ts'
import { type AccessClaims, type Claims, type RefreshClaims, verifyToken } from '../auth/tokens.ts'
import { readConfig } from '../config.ts'
import { AppError } from '../errors.ts'
import type { AppEnv } from '../factory.ts'

type Guard<User> = MiddlewareHandler<AppEnv & { Variables: { user: User } }>

export type GuardOptions = {
  /** Lets a request without an Authorization header pass, with `c.var.user` undefined. */
  optional?: boolean
  /** Requires that the password was checked at most this many seconds ago (RFC 9470). */
  fresh?: number
  /** Requires one of these roles. */
  roles?: string[]
  /** Requires a refresh token, and leaves it to `refreshSession` whether it is still the newest. */
  refresh?: boolean
  /** `false` takes an access or a refresh token. */
  verifyType?: false
}

/**
 * Requires `Authorization: Bearer <access token>` (RFC 6750 2.1), as Flask's `@jwt_required()` does,
 * and puts the token's claims into `c.var.user`. Mount it in a sub-router's first line: Hono runs
 * handlers in the order of their registration, so a route registered earlier is not guarded.
 * Options may serve single routes on top: the token is verified once a request.
 *
 * @example new Hono<AppEnv>().use(jwtRequired()).get('/name', (c) => c.json(c.var.user.sub))
 */
export function jwtRequired(
  options: GuardOptions & { optional: true },
): Guard<AccessClaims | undefined>
export function jwtRequired(options: GuardOptions & { refresh: true }): Guard<RefreshClaims>
export function jwtRequired(options: GuardOptions & { verifyType: false }): Guard<Claims>
export function jwtRequired(options?: GuardOptions): Guard<AccessClaims>
export function jwtRequired(options: GuardOptions = {}): MiddlewareHandler {
  return async (c, next) => {
    // Nothing is registered behind the guard for this request: 404 or 405, with or without a token.
    if (c.req.routeIndex === matchedRoutes(c).length - 1) return next()
    if (options.optional && !c.req.header('Authorization')) return next()
    const user: Claims = c.get(VERIFIED) ?? (await authenticate(c, options))
    checkOptions(user, options)
    c.set(VERIFIED, user)
    c.set('user', user)
    await next()
  }
}

/** Where a guard keeps what it has verified in this request: `c.var.user` could be anyone's. */
const VERIFIED = Symbol('verified')

async function authenticate(c: Context<AppEnv>, { refresh }: GuardOptions): Promise<Claims> {
  const config = readConfig(c.env)
  const ring = await importRing(config)
  const nowMs = Date.now()
  const now = Math.floor(nowMs / 1000)
  const user = await verifyToken(readBearer(c.req.header('Authorization')), ring, config, now)
  const inBackground = (work: Promise<void>) => c.executionCtx.waitUntil(work)
  if (!refresh && (await isRevoked(config, user.sid, nowMs, inBackground)))
    throw new AppError('token_revoked', 'the session has ended')
  return user
}

function checkOptions(user: Claims, { refresh, verifyType, roles, fresh }: GuardOptions): void {
  if (refresh && user.type !== 'refresh') throw new AppError('token_not_refresh', 'an access token')
  if (!refresh && verifyType !== false && user.type !== 'access')
    throw new AppError('token_not_access', 'a refresh token')
  const held = user.type === 'access' ? user.roles : []
  if (roles && !roles.some((role) => held.includes(role)))
    throw new AppError('role_missing', `none of ${roles.join(', ')}`, {
      username: user.sub,
      sid: user.sid,
    })
  if (fresh !== undefined && Math.floor(Date.now() / 1000) - user.auth_time > fresh)
    throw new AppError('token_not_fresh', 'the login is too old', { maxAge: fresh })
}

const BEARER = /^bearer +([^ ]+)$/i

/** The token of an Authorization header. The scheme is compared without case (RFC 9110 11.1). */
function readBearer(header = ''): string {
  const token = BEARER.exec(header)?.[1]
  if (token) return token
  if (header === '') throw new AppError('authorization_missing', 'no header')
  if (!/^bearer( |$)/i.test(header)) throw new AppError('authorization_scheme', 'no Bearer')
  throw new AppError('authorization_malformed', 'not one token')
}
