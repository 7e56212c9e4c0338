// POST /login: exchanges a username and a password for tokens.

import { type Context, Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { logIn } from '../auth/login.ts'
import { checkRefreshToken, revokeSession } from '../auth/sessions/sessions.ts'
import { verifyToken } from '../auth/tokens/verify.ts'
import { LoginBody } from '../contract/requests.ts'
import type { Session } from '../db/sessions.ts'
import { AppError } from '../errors.ts'
import { readClientInfo } from '../http/client-address.ts'
import { logError } from '../http/error-response.ts'
import { readRefreshCookie, sendTokens } from '../http/refresh-cookie.ts'
import { logEvent } from '../http/request-log.ts'
import { loginRateLimit } from '../middleware/rate-limit.ts'
import { validateJson } from '../middleware/validate.ts'

export const login = new Hono<AppEnv>().post(
  '/login',
  loginRateLimit,
  validateJson(LoginBody),
  async (c) => {
    const { isolate, now } = c.var
    const { cookie, ...credentials } = c.req.valid('json')
    await isolate.keyRing() // nothing is counted or written where no token can be signed
    const session = await logIn(isolate, { ...credentials, client: readClientInfo(c) }, now)
    return completeLogin(c, session, { event: 'login.succeeded', cookie })
  },
)

/** Logs a new session, revokes the one that it replaces in this browser, and responds with its tokens. */
export async function completeLogin(
  c: Context,
  session: Session,
  { event, cookie }: { event: string; cookie: boolean },
) {
  const { username, id: sid, codesLeft = null } = session
  await logEvent(c, 'info', { event, username, sid })
  if (codesLeft !== null) await logEvent(c, 'warn', { event: 'recovery_code.used', username, sid })
  if (cookie) await revokeReplacedSession(c)
  return sendTokens(c, session, { cookie })
}

/** Revokes the session whose cookie a login is about to replace (ASVS 7.2.4). */
async function revokeReplacedSession(c: Context): Promise<void> {
  const [isolate, now] = [c.get('isolate'), c.get('now')]
  try {
    const token = readRefreshCookie(c)
    if (!token) return
    const claims = await verifyToken(isolate, token, now)
    if (claims.type !== 'refresh') return
    await checkRefreshToken(isolate, claims, now) // an old one is reuse, as in /refresh
    const { sub: username, sid } = claims
    if (!(await revokeSession(isolate, { id: sid }, now))) return
    const reason = 'replaced by a login in the same browser'
    await logEvent(c, 'info', { event: 'session.revoked', username, sid, reason })
  } catch (error) {
    // No valid cookie of this origin: nothing to replace. Reuse is an alarm, and the login succeeds.
    if (!(error instanceof AppError && /^token_|^origin_/.test(error.code))) throw error
    if (error.code === 'token_reused') await logError(c, error)
  }
}
