// The guard: nothing behind it runs without a token that meets all of its options.

import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { COMPOSED_HANDLER } from 'hono/utils/constants'

import type { AppEnv } from '../app-env.ts'
import { checkRefreshToken, requireLiveSession } from '../auth/sessions/sessions.ts'
import type { AccessClaims, Claims, RefreshClaims } from '../auth/tokens/claims.ts'
import { verifyToken } from '../auth/tokens/verify.ts'
import type { Session } from '../db/sessions.ts'
import { AppError } from '../errors.ts'
import { readBearer, toHeaderError } from '../http/bearer.ts'
import { readRefreshCookie } from '../http/refresh-cookie.ts'
import { type GuardOptions, type Valid, validateOptions } from './jwt-options.ts'

type Guard<User> = MiddlewareHandler<AppEnv & { Variables: { user: User } }>

type UserOf<Options> =
  | (Options extends { tokenType: 'refresh' }
      ? RefreshClaims
      : Options extends { tokenType: 'any' }
        ? Claims
        : AccessClaims)
  | (Options extends { optional: infer Flag } ? (true extends Flag ? undefined : never) : never)

/** Every guard with its options, to tell them from other handlers. */
const guards = new WeakMap<object, GuardOptions>()

/** Whether a registered handler is a guard that lets nobody pass without a token: for the route audit. */
export const isStrictGuard = (handler: object): boolean =>
  guards.get(unwrap(handler))?.optional === false

/**
 * Requires `Authorization: Bearer <access token>` (RFC 6750 2.1), as Flask's `@jwt_required()` does,
 * and puts the token's claims into `c.var.user`. Mount it in the first line of a sub-router, since Hono runs
 * handlers in the order of registration. Guards on single routes add to it: each enforces all of its options.
 *
 * @param options See GuardOptions; by default any valid access token.
 * @throws TypeError for unknown options, combinations that make no sense and values out of range.
 * @example new Hono<AppEnv>().use(jwtRequired()).get('/name', (c) => c.json(c.var.user.sub))
 */
export function jwtRequired<const Options extends GuardOptions = object>(
  options?: Options & Valid<Options>,
): Guard<UserOf<Options>>
export function jwtRequired(options: GuardOptions = {}): MiddlewareHandler {
  validateOptions(options)
  const guard: MiddlewareHandler = async (c, next) => {
    try {
      c.set('user', await authorize(c, options))
    } catch (error) {
      if (hasNothingBehind(c, guard)) return c.notFound()
      await c.get('isolate').keyRing() // without keys nothing can be verified: 503, not 401
      throw error
    }
    return next()
  }
  guards.set(guard, { optional: false, ...options })
  return guard
}

/**
 * Whether only guards are registered behind this one for the request: 404 or 405, as without guards. Only
 * where the guard itself is the registered handler: inside `every()` or a handler, code is behind it.
 */
function hasNothingBehind(c: Context, guard: MiddlewareHandler): boolean {
  const handlers = matchedRoutes(c).map(({ handler }) => unwrap(handler))
  const behind = handlers.slice(c.req.routeIndex + 1)
  return handlers[c.req.routeIndex] === guard && behind.every((handler) => guards.has(handler))
}

/** Returns the handler that Hono has wrapped, once for each sub-app with its own error handler. */
export function unwrap(handler: object & { [COMPOSED_HANDLER]?: object }): object {
  const inner = handler[COMPOSED_HANDLER]
  return inner ? unwrap(inner) : handler
}

/** Returns the claims of a token that meets all options; undefined without a token, if it is optional. */
async function authorize(c: Context, options: GuardOptions): Promise<Claims | undefined> {
  const header = c.req.header('Authorization')
  const token = readToken(c, header, options)
  if (token === undefined && !header && options.optional) return undefined
  if (token === undefined) throw new AppError(toHeaderError(header))
  const [isolate, now, nowMs] = [c.get('isolate'), c.get('now'), c.get('nowMs')]
  let verified: Verified | undefined = c.get(VERIFIED)
  if (verified?.token !== token) {
    verified = { token, user: await verifyToken(isolate, token, now) }
    c.set(VERIFIED, verified)
  }
  const waitUntil = (work: Promise<void>) => c.executionCtx.waitUntil(work)
  await requireOptions({ isolate, now, nowMs, waitUntil }, verified, options)
  return verified.user
}

/** What has been verified in a request, so that stacked guards repeat no work: a token, and its session as of now. */
type Verified = { token: string; user: Claims; session?: Session }
const VERIFIED = Symbol('verified')

/** The request that a check is for. */
type Check = Pick<AppEnv['Variables'], 'isolate' | 'now' | 'nowMs'> & {
  waitUntil: (work: Promise<void>) => void
}

/** Throws unless a verified token meets all options. */
export async function requireOptions(
  check: Check,
  verified: Verified,
  { tokenType = 'access', roles, fresh, acr }: GuardOptions,
): Promise<void> {
  const { user } = verified
  if (tokenType !== 'any' && tokenType !== user.type) throw new AppError(`token_not_${tokenType}`)
  if (tokenType === 'refresh') return // refreshSession decides, in the statement that rotates
  const session = await requireNotRevoked(check, verified, fresh)
  if (fresh !== undefined && check.now - (session?.createdAt ?? 0) > fresh)
    throw new AppError('token_not_fresh', { maxAgeSeconds: fresh })
  const held = session?.roles ?? (user.type === 'access' ? user.roles : [])
  if (roles && !roles.some((role) => held.includes(role))) {
    const reason = `none of ${roles.join(', ')}`
    throw new AppError('role_missing', { reason, username: user.sub, sid: user.sid })
  }
  const { MFA } = check.isolate.settings
  const isNeeded = MFA === 'all' || (MFA === 'admins' && held.includes('admin'))
  const hasFactor = session ? session.aal === 2 : user.acr === 'aal2'
  if ((acr ? acr === 'aal2' : isNeeded) && !hasFactor) throw new AppError('factor_required')
}

/**
 * Throws `token_revoked` for a revoked session. Reads and returns the session as it is now for `fresh`, for
 * REVOCATION_SECONDS = 0, and for a refresh token, which outlives the list of revoked sessions.
 */
async function requireNotRevoked(
  { isolate, now, nowMs, waitUntil }: Check,
  verified: Verified,
  fresh: number | undefined,
): Promise<Session | undefined> {
  const { user } = verified
  const maxAgeSeconds = isolate.settings.REVOCATION_SECONDS
  if (user.type === 'refresh')
    return (verified.session ??= await checkRefreshToken(isolate, user, now))
  if (fresh !== undefined || maxAgeSeconds === 0)
    return (verified.session ??= await requireLiveSession(isolate, user, now))
  const isRevoked = isolate.revokedSessions.has(user, { nowMs, maxAgeSeconds }, waitUntil)
  if (isRevoked && (await isRevoked))
    throw new AppError('token_revoked', { reason: 'the session is revoked', sid: user.sid })
  return undefined
}

/** Returns the token of a request: the header's or, on routes that accept cookies, the cookie's. */
function readToken(c: Context<AppEnv>, header: string | undefined, { cookies }: GuardOptions) {
  if (cookies) c.set('tokenSource', header ? 'header' : 'cookie')
  if (header) return readBearer(header)
  return cookies ? readRefreshCookie(c) : undefined
}
