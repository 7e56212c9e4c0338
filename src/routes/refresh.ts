// POST /refresh: a refresh token for new tokens.

import { Hono } from 'hono'

import { issueTokens } from '../auth/issue.ts'
import { importRing } from '../auth/keys.ts'
import { refreshSession } from '../auth/sessions.ts'
import { readConfig } from '../config.ts'
import type { AppEnv } from '../factory.ts'
import { logEvent } from '../middleware/event.ts'
import { jwtRequired } from '../middleware/jwt.ts'

export const refresh = new Hono<AppEnv>().post(
  '/refresh',
  jwtRequired({ refresh: true }),
  async (c) => {
    const config = readConfig(c.env)
    const ring = await importRing(config)
    const now = Math.floor(Date.now() / 1000)
    const session = await refreshSession(config, c.var.user, now)
    await logEvent(c, 'info', 'session.refreshed', { username: session.username, sid: session.id })
    return c.json(await issueTokens(session, ring, config, now))
  },
)
