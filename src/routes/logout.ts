// POST /logout: revokes this session, the user's others, or all of them. Accepts both token types and the cookie.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { revokeOtherSessions, revokeSession } from '../auth/sessions/sessions.ts'
import { LogoutQuery } from '../contract/requests.ts'
import { clearRefreshCookie } from '../http/refresh-cookie.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateQuery } from '../middleware/validate.ts'

export const logout = new Hono<AppEnv>().post(
  '/logout',
  jwtRequired({ tokenType: 'any', acr: 'aal1', cookies: true }),
  validateQuery(LogoutQuery),
  async (c) => {
    const { isolate, now } = c.var
    const { scope } = c.req.valid('query')
    const { sid } = c.var.user
    if (scope !== 'session') await revokeOtherSessions(isolate, sid, now)
    if (scope !== 'others') {
      await revokeSession(isolate, { id: sid, by: sid }, now)
      clearRefreshCookie(c)
    }
    await logEvent(c, 'info', { event: 'session.revoked', reason: `logout: ${scope}` })
    return c.json({ message: 'Logged out' })
  },
)
