// POST /login: a username and a password for tokens.

import { Hono } from 'hono'

import { logIn } from '../auth/credentials.ts'
import { issueTokens } from '../auth/issue.ts'
import { importRing } from '../auth/keys.ts'
import { endSession } from '../auth/sessions.ts'
import { readConfig } from '../config.ts'
import type { AppEnv } from '../factory.ts'
import { limitTries, readNetwork } from '../middleware/address.ts'
import { answerTokens, readReplacedSession } from '../middleware/cookies.ts'
import { logEvent } from '../middleware/event.ts'
import { validateJson } from '../middleware/validate.ts'
import { LoginBody } from '../schemas.ts'

export const login = new Hono<AppEnv>().post(
  '/login',
  limitTries,
  validateJson(LoginBody),
  async (c) => {
    const config = readConfig(c.env)
    const ring = await importRing(config)
    const now = Math.floor(Date.now() / 1000)
    const origin = {
      address: readNetwork(c),
      userAgent: c.req.header('User-Agent') ?? '',
      country: String(c.req.raw.cf?.country ?? ''),
    }
    const { cookie = false, ...credentials } = c.req.valid('json')
    const session = await logIn(config, credentials, origin, now)
    await logEvent(c, 'info', 'login.succeeded', { username: session.username, sid: session.id })
    const replaced = cookie ? await readReplacedSession(c, ring, config, now) : undefined
    if (replaced && (await endSession(config, replaced.sid, now)))
      await logEvent(c, 'info', 'session.revoked', {
        username: replaced.sub,
        sid: replaced.sid,
        reason: 'replaced by a login in the same browser',
      })
    return answerTokens(c, await issueTokens(session, ring, config, now), { cookie })
  },
)
