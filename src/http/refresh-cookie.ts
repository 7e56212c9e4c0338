// Browser sessions: the refresh token in a cookie that no script can read and no other site can use.

import type { Context } from 'hono'
import { setCookie } from 'hono/cookie'

import { issueTokens } from '../auth/tokens/issue.ts'
import type { TokenResponse } from '../contract/responses.ts'
import type { Session } from '../db/sessions.ts'
import { AppError } from '../errors.ts'

// The prefix makes browsers reject the name from other hosts, subdomains and plain HTTP (RFC 6265bis 4.1.3.2).
const NAME = '__Host-latchkey_refresh'
/** Browsers keep no cookie longer than 400 days (RFC 6265bis 5.5). */
const MAX_AGE_SECONDS = 34_560_000
const SAFE_METHODS = new Set(['GET', 'HEAD'])

/** Responds with new tokens of a session. With `cookie`, the refresh token is in no body. */
export async function sendTokens(c: Context, session: Session, { cookie }: { cookie: boolean }) {
  const tokens = await issueTokens(c.get('isolate'), session, c.get('now'))
  const { refresh_token: refreshToken, ...others } = tokens
  if (cookie) writeRefreshCookie(c, refreshToken, tokens.refresh_expires_in)
  const recovery_codes_left = session.codesLeft ?? undefined // then it is not in the JSON
  const response: TokenResponse = { ...(cookie ? others : tokens), recovery_codes_left }
  return c.json(response)
}

export const clearRefreshCookie = (c: Context) => writeRefreshCookie(c, '', 0)

function writeRefreshCookie(c: Context, value: string, seconds: number): void {
  setCookie(c, NAME, value, {
    path: '/',
    httpOnly: true,
    secure: true,
    sameSite: 'Strict',
    maxAge: Math.min(seconds, MAX_AGE_SECONDS),
  })
}

/**
 * Returns the refresh token in the cookie, unverified; undefined without one. Throws `origin_refused`
 * when a request with an unsafe method does not come from this origin.
 */
export function readRefreshCookie(c: Context): string | undefined {
  const pairs = (c.req.header('Cookie') ?? '').split(/; */)
  const [pair, ...others] = pairs.filter((text) => text.startsWith(`${NAME}=`))
  if (pair === undefined) return undefined
  if (!SAFE_METHODS.has(c.req.method)) requireSameOrigin(c)
  // The runtime joins several Cookie lines with commas. A comma ends the value of this cookie, but begins none:
  // in the value of a cookie that a sibling domain may set, it would let that domain set this one.
  const [value = '', ...lines] = pair.slice(NAME.length + 1).split(/, */)
  // No browser sends two, so one of them was injected.
  if (others.length > 0 || lines.some((line) => line.startsWith(`${NAME}=`)))
    throw new AppError('token_invalid', { reason: 'two refresh cookies' })
  return value
}

/**
 * Rejects requests of pages of other origins: SameSite alone would let sibling domains through. Browsers
 * say whose page it was (Fetch Metadata), older ones name its origin. A client that sends neither is
 * not a browser, and can use the header.
 */
function requireSameOrigin(c: Context): void {
  const site = c.req.header('Sec-Fetch-Site')
  const own = new URL(c.req.url).origin
  if (site === undefined ? c.req.header('Origin') !== own : site !== 'same-origin')
    throw new AppError('origin_refused', { reason: 'cookie not sent by a page of this origin' })
}
