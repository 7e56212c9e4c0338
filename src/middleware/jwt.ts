// The guard: nothing behind it runs without a good token.

import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'

import { importRing } from '../auth/keys/key-ring.ts'
import { isRevoked, requireSession } from '../auth/sessions/sessions.ts'
import {
  type AccessClaims,
  type Claims,
  type RefreshClaims,
  verifyToken,
} from '../auth/tokens/verify.ts'
import { readConfig } from '../config.ts'
import { AppError } from '../errors.ts'
import type { AppEnv } from '../app-env.ts'
import { readRefreshCookie } from '../http/refresh-cookie.ts'

type Guard<User> = MiddlewareHandler<AppEnv & { Variables: { user: User } }>

export type GuardOptions = {
  /** Lets a request without a token pass, with `c.var.user` undefined. */
  optional?: boolean
  /**
   * Requires that the password was checked at most this many seconds ago (RFC 9470), and asks the
   * database whether the session has ended: what needs this cannot wait for REVOCATION_SECONDS.
   */
  fresh?: number
  /** Requires one of these roles. */
  roles?: string[]
  /** Requires a refresh token, and leaves it to `refreshSession` whether it is still the newest. */
  refresh?: boolean
  /** `false` takes an access or a refresh token. */
  verifyType?: false
  /**
   * Without an Authorization header, takes the refresh token of a browser session from its cookie:
   * for unsafe methods only from a page of this origin. So `c.var.user` may be of either type.
   */
  cookies?: true
}

type UserOf<Options> =
  | (Options extends { refresh: true }
      ? RefreshClaims
      : Options extends { verifyType: false } | { cookies: true }
        ? Claims
        : AccessClaims)
  | (Options extends { optional: true } ? undefined : never)

/**
 * Requires `Authorization: Bearer <access token>` (RFC 6750 2.1), as Flask's `@jwt_required()` does,
 * and puts the token's claims into `c.var.user`. Mount it in a sub-router's first line: Hono runs
 * handlers in the order of their registration, so a route registered earlier is not guarded.
 * Options may serve single routes on top: the token is verified once a request.
 *
 * @example new Hono<AppEnv>().use(jwtRequired()).get('/name', (c) => c.json(c.var.user.sub))
 */
export function jwtRequired<const Options extends GuardOptions = object>(
  options?: Options,
): Guard<UserOf<Options>>
export function jwtRequired(options: GuardOptions = {}): MiddlewareHandler {
  return async (c, next) => {
    // Nothing is registered behind the guard for this request: 404 or 405, with or without a token.
    if (c.req.routeIndex === matchedRoutes(c).length - 1) return next()
    if (options.optional && readToken(c, options) === undefined) return next()
    const user: Claims = c.get(VERIFIED) ?? (await authenticate(c, options))
    checkOptions(user, options)
    if (options.fresh !== undefined) await requireLive(c, user, 0)
    c.set(VERIFIED, user)
    c.set('user', user)
    await next()
  }
}

/** Where a guard keeps what it has verified in this request: `c.var.user` could be anyone's. */
const VERIFIED = Symbol('verified')

async function authenticate(c: Context<AppEnv>, options: GuardOptions): Promise<Claims> {
  const config = readConfig(c.env)
  const ring = await importRing(config)
  const now = Math.floor(Date.now() / 1000)
  const token = readToken(c, options)
  if (token === undefined) throw new AppError('authorization_missing', 'no header')
  const user = await verifyToken(token, ring, config, now)
  if (options.refresh) return user
  await requireLive(c, user, config.REVOCATION_SECONDS)
  // An isolate forgets an ended session before its refresh tokens expire: so the database is asked.
  if (user.type === 'refresh' && takesEither(options)) await requireSession(config, user, now)
  return user
}

/** Throws `token_revoked` for a session that had ended `maxAge` seconds ago. */
async function requireLive(c: Context<AppEnv>, user: Claims, maxAge: number): Promise<void> {
  const inBackground = (work: Promise<void>) => c.executionCtx.waitUntil(work)
  if (await isRevoked(readConfig(c.env), user, { nowMs: Date.now(), maxAge }, inBackground))
    throw new AppError('token_revoked', 'the session has ended')
}

const takesEither = ({ verifyType, cookies }: GuardOptions) => verifyType === false || cookies

function checkOptions(user: Claims, options: GuardOptions): void {
  const { refresh, roles, fresh } = options
  if (refresh && user.type !== 'refresh') throw new AppError('token_not_refresh', 'an access token')
  if (!refresh && !takesEither(options) && user.type !== 'access')
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

/** The token that a request shows: the header's, else, where a route takes cookies, the cookie's. */
function readToken(c: Context, { cookies }: GuardOptions): string | undefined {
  const header = c.req.header('Authorization')
  if (header) return readBearer(header)
  return cookies && readRefreshCookie(c)
}

const BEARER = /^bearer +([^ ]+)$/i

/** The token of an Authorization header. The scheme is compared without case (RFC 9110 11.1). */
function readBearer(header: string): string {
  const token = BEARER.exec(header)?.[1]
  if (token) return token
  if (!/^bearer( |$)/i.test(header)) throw new AppError('authorization_scheme', 'no Bearer')
  throw new AppError('authorization_malformed', 'not one token')
}
