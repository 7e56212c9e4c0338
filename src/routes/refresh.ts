// POST /refresh: exchanges a refresh token, from the header or the cookie, for new tokens.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { refreshSession } from '../auth/sessions/sessions.ts'
import { readClientInfo } from '../http/client-address.ts'
import { sendTokens } from '../http/refresh-cookie.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { sessionRateLimit } from '../middleware/rate-limit.ts'

export const refresh = new Hono<AppEnv>().post(
  '/refresh',
  jwtRequired({ tokenType: 'refresh', cookies: true }),
  sessionRateLimit,
  async (c) => {
    const { isolate, now, user, tokenSource } = c.var
    const input = { claims: user, client: readClientInfo(c) }
    const { session, isRepeated } = await refreshSession(isolate, input, now)
    if (isRepeated) await logEvent(c, 'info', { event: 'session.refresh_repeated' })
    else await logEvent(c, 'info', { event: 'session.refreshed' })
    return sendTokens(c, session, { cookie: tokenSource === 'cookie' })
  },
)
