// POST /login: a username and a password for tokens.

import { Hono } from 'hono'

import { checkCredentials } from '../auth/credentials.ts'
import { issueTokens } from '../auth/issue.ts'
import { importRing } from '../auth/keys.ts'
import { startSession } from '../auth/sessions.ts'
import { readConfig } from '../config.ts'
import type { AppEnv } from '../factory.ts'
import { validateJson } from '../middleware/validate.ts'
import { LoginBody } from '../schemas.ts'

export const login = new Hono<AppEnv>().post('/login', validateJson(LoginBody), async (c) => {
  const config = readConfig(c.env)
  const ring = await importRing(config)
  const now = Math.floor(Date.now() / 1000)
  const user = await checkCredentials(config.DB, c.req.valid('json'))
  const origin = {
    userAgent: c.req.header('User-Agent') ?? '',
    country: String(c.req.raw.cf?.country ?? ''),
  }
  const session = await startSession(config, user, origin, now)
  return c.json(await issueTokens(session, ring, config, now))
})
