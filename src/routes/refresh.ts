// POST /refresh: a refresh token, of the header or of the cookie, for new tokens.

import { Hono } from 'hono'

import { issueTokens } from '../auth/tokens/issue.ts'
import { importRing } from '../auth/keys/key-ring.ts'
import { refreshSession } from '../auth/sessions/sessions.ts'
import { readConfig } from '../config.ts'
import type { AppEnv } from '../app-env.ts'
import { answerTokens } from '../http/refresh-cookie.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'

export const refresh = new Hono<AppEnv>().post(
  '/refresh',
  jwtRequired({ refresh: true, cookies: true }),
  async (c) => {
    const config = readConfig(c.env)
    const ring = await importRing(config)
    const now = Math.floor(Date.now() / 1000)
    const session = await refreshSession(config, c.var.user, now)
    await logEvent(c, 'info', 'session.refreshed', { username: session.username, sid: session.id })
    const cookie = !c.req.header('Authorization') // so that is where the guard has found the token
    return answerTokens(c, await issueTokens(session, ring, config, now), { cookie })
  },
)
