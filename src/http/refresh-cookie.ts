// Browser sessions: the refresh token in a cookie that no script can read and no other site can use.

import type { Context } from 'hono'
import { setCookie } from 'hono/cookie'

import type { TokenAnswer } from '../auth/tokens/issue.ts'
import type { KeyRing } from '../auth/keys/key-ring.ts'
import { type Claims, verifyToken } from '../auth/tokens/verify.ts'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'

// The prefix makes browsers refuse the name to other hosts, subdomains and plain http (RFC 6265bis 4.1.3.2).
const NAME = '__Host-latchkey_refresh'
/** Browsers keep no cookie longer than 400 days (RFC 6265bis 5.5). */
const MAX_AGE = 34_560_000
const SAFE_METHODS = new Set(['GET', 'HEAD'])

/** Answers with the tokens of a session; with `cookie`, the refresh token stands in no body. */
export function answerTokens(c: Context, tokens: TokenAnswer, { cookie }: { cookie: boolean }) {
  const { refresh_token: token, ...rest } = tokens
  if (cookie) writeRefreshCookie(c, token, rest.refresh_expires_in)
  const body: typeof rest & { refresh_token?: string } = cookie ? rest : tokens
  return c.json(body)
}

export const clearRefreshCookie = (c: Context) => writeRefreshCookie(c, '', 0)

function writeRefreshCookie(c: Context, value: string, seconds: number): void {
  setCookie(c, NAME, value, {
    path: '/',
    httpOnly: true,
    secure: true,
    sameSite: 'Strict',
    maxAge: Math.min(seconds, MAX_AGE),
  })
}

/**
 * The refresh token in the cookie, whatever it is worth; undefined without one. Throws
 * `origin_refused` when an unsafe method does not come from this origin.
 */
export function readRefreshCookie(c: Context): string | undefined {
  const pairs = (c.req.header('Cookie') ?? '').split(/; */)
  const [pair, ...others] = pairs.filter((text) => text.startsWith(`${NAME}=`))
  if (pair === undefined) return undefined
  if (!SAFE_METHODS.has(c.req.method)) requireSameOrigin(c)
  // No browser sends two, so one of them was slipped in.
  if (others.length > 0) throw new AppError('token_invalid', 'two cookies of one name')
  return pair.slice(NAME.length + 1)
}

/** The session whose cookie a login is about to overwrite (ASVS 7.2.4), if it is one of this origin's. */
export async function readReplacedSession(
  c: Context,
  ring: KeyRing,
  config: Config,
  now: number,
): Promise<Claims | undefined> {
  try {
    const token = readRefreshCookie(c)
    return token ? await verifyToken(token, ring, config, now) : undefined
  } catch (error) {
    if (error instanceof AppError) return undefined // no good cookie: nothing to replace
    throw error
  }
}

/**
 * A browser sends the cookie along with whatever a page makes it send; SameSite alone would let
 * pages of sibling domains through. Where browsers say whose page it was, that decides (Fetch
 * Metadata); older ones name its origin. Who says neither is no browser, and has the header.
 */
function requireSameOrigin(c: Context): void {
  const site = c.req.header('Sec-Fetch-Site')
  const own = new URL(c.req.url).origin
  if (site === undefined ? c.req.header('Origin') !== own : site !== 'same-origin')
    throw new AppError('origin_refused', 'cookie sent by a page of another origin, or by no page')
}
