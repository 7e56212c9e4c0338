// The guard: nothing behind it runs without a valid token.

import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'

import type { AppEnv } from '../app-env.ts'
import { checkRefreshToken } from '../auth/sessions/sessions.ts'
import type { AccessClaims, Claims, RefreshClaims } from '../auth/tokens/claims.ts'
import { verifyToken } from '../auth/tokens/verify.ts'
import { AppError } from '../errors.ts'
import { readRefreshCookie } from '../http/refresh-cookie.ts'

type Guard<User> = MiddlewareHandler<AppEnv & { Variables: { user: User } }>

export type GuardOptions = {
  /**
   * The type of token to require, by default `access`. Of a `refresh` token, `refreshSession` checks
   * whether it is the newest; with `any`, the guard asks the database.
   */
  tokenType?: 'access' | 'refresh' | 'any'
  /** Lets a request without a token pass, with `c.var.user` undefined. */
  optional?: boolean
  /**
   * Requires that the password was checked at most this many seconds ago (RFC 9470), and that the
   * session is not revoked as of now: this does not wait for REVOCATION_SECONDS.
   */
  fresh?: number
  /** Requires one of these roles. */
  roles?: string[]
  /**
   * Without an Authorization header, accepts the refresh token of a browser session from its cookie, for
   * unsafe methods only from a page of this origin.
   */
  cookies?: true
}

type UserOf<Options> =
  | (Options extends { tokenType: 'refresh' }
      ? RefreshClaims
      : Options extends { tokenType: 'any' }
        ? Claims
        : AccessClaims)
  | (Options extends { optional: true } ? undefined : never)

/**
 * Requires `Authorization: Bearer <access token>` (RFC 6750 2.1), as Flask's `@jwt_required()` does,
 * and puts the token's claims into `c.var.user`. Mount it in the first line of a sub-router, since Hono runs
 * handlers in the order of registration. Guards with options may follow on single routes.
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
    checkOptions(user, options, c.var.now)
    if (options.fresh !== undefined) await requireNotRevoked(c, user, 0)
    c.set(VERIFIED, user)
    c.set('user', user)
    await next()
  }
}

/** Where a guard keeps the claims it has verified: anything may have set `c.var.user`. */
const VERIFIED = Symbol('verified')

async function authenticate(c: Context<AppEnv>, options: GuardOptions): Promise<Claims> {
  const { isolate, now } = c.var
  await isolate.keyRing() // without keys nothing can be verified: 503, not 401
  const token = readToken(c, options)
  if (token === undefined) throw new AppError('authorization_missing')
  const user = await verifyToken(isolate, token, now)
  if (options.tokenType === 'refresh') return user
  await requireNotRevoked(c, user, isolate.settings.REVOCATION_SECONDS)
  // An isolate forgets a revoked session before its refresh tokens expire, so the database is asked.
  if (user.type === 'refresh' && options.tokenType === 'any')
    await checkRefreshToken(isolate, user, now)
  return user
}

/** Throws `token_revoked` for a session that was revoked at least `maxAgeSeconds` ago. */
async function requireNotRevoked(
  c: Context<AppEnv>,
  user: Claims,
  maxAgeSeconds: number,
): Promise<void> {
  const { isolate, nowMs } = c.var
  const waitUntil = (work: Promise<void>) => c.executionCtx.waitUntil(work)
  if (await isolate.revokedSessions.has(user, { nowMs, maxAgeSeconds }, waitUntil))
    throw new AppError('token_revoked', { reason: 'the session is revoked', sid: user.sid })
}

function checkOptions(user: Claims, options: GuardOptions, now: number): void {
  const { tokenType = 'access', roles, fresh } = options
  if (tokenType !== 'any' && tokenType !== user.type) throw new AppError(`token_not_${tokenType}`)
  const held = user.type === 'access' ? user.roles : []
  if (roles && !roles.some((role) => held.includes(role))) {
    const reason = `none of ${roles.join(', ')}`
    throw new AppError('role_missing', { reason, username: user.sub, sid: user.sid })
  }
  if (fresh !== undefined && now - user.auth_time > fresh)
    throw new AppError('token_not_fresh', { maxAgeSeconds: fresh })
}

/** Returns the token of a request: the header's or, on routes that accept cookies, the cookie's. */
function readToken(c: Context<AppEnv>, { cookies }: GuardOptions): string | undefined {
  const header = c.req.header('Authorization')
  if (cookies) c.set('tokenSource', header ? 'header' : 'cookie')
  if (header) return readBearer(header)
  return cookies && readRefreshCookie(c)
}

const BEARER = /^bearer +([^ ]+)$/i

/** Returns the token of an Authorization header. The scheme is case-insensitive (RFC 9110 11.1). */
function readBearer(header: string): string {
  const token = BEARER.exec(header)?.[1]
  if (token) return token
  const isBearer = /^bearer( |$)/i.test(header)
  throw new AppError(isBearer ? 'authorization_malformed' : 'authorization_scheme')
}
