// POST /logout: ends this session, the user's others, or all of them. Takes either token, or the cookie.

import { Hono } from 'hono'

import { endOtherSessions, endSession } from '../auth/sessions/sessions.ts'
import { readConfig } from '../config.ts'
import type { AppEnv } from '../app-env.ts'
import { clearRefreshCookie } from '../http/refresh-cookie.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateQuery } from '../middleware/validate.ts'
import { LogoutQuery } from '../contract/requests.ts'

export const logout = new Hono<AppEnv>().post(
  '/logout',
  jwtRequired({ cookies: true }),
  validateQuery(LogoutQuery),
  async (c) => {
    const config = readConfig(c.env)
    const now = Math.floor(Date.now() / 1000)
    const { scope } = c.req.valid('query')
    const { sub: username, sid } = c.var.user
    if (scope !== 'session') await endOtherSessions(config, sid, now)
    if (scope !== 'others') {
      await endSession(config, sid, now)
      clearRefreshCookie(c)
    }
    await logEvent(c, 'info', 'session.revoked', { username, sid, reason: `logout: ${scope}` })
    return c.json({ message: 'Logged out' })
  },
)
