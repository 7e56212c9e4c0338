// POST /login: a username and a password for tokens. POST /signup: the same for a new user, where SIGNUP is open.

import { type Context, Hono } from 'hono'
import { createMiddleware } from 'hono/factory'

import { logIn } from '../auth/login.ts'
import { issueTokens } from '../auth/tokens/issue.ts'
import { importRing } from '../auth/keys/key-ring.ts'
import { endSession } from '../auth/sessions/sessions.ts'
import { signUp } from '../auth/users.ts'
import { readConfig } from '../config.ts'
import type { Session } from '../db/sessions.ts'
import { AppError } from '../errors.ts'
import type { AppEnv } from '../app-env.ts'
import { limitTries, readNetwork } from '../http/client-address.ts'
import { answerTokens, readReplacedSession } from '../http/refresh-cookie.ts'
import { logEvent } from '../http/request-log.ts'
import { validateJson } from '../middleware/validate.ts'
import { LoginBody } from '../contract/requests.ts'

const requireOpenSignup = createMiddleware<AppEnv>(async (c, next) => {
  if (readConfig(c.env).SIGNUP === 'closed') throw new AppError('not_found', 'SIGNUP is closed')
  await next()
})

export const login = new Hono<AppEnv>()
  .post('/login', limitTries, validateJson(LoginBody), async (c) => {
    const visit = await readVisit(c)
    const { cookie = false, ...credentials } = c.req.valid('json')
    const session = await logIn(visit.config, credentials, visit.origin, visit.now)
    const { username, id: sid } = session
    await logEvent(c, 'info', 'login.succeeded', { username, sid })
    return welcome(c, session, visit, cookie)
  })
  .post('/signup', requireOpenSignup, limitTries, validateJson(LoginBody), async (c) => {
    const visit = await readVisit(c)
    const { cookie = false, ...credentials } = c.req.valid('json')
    const session = await signUp(visit.config, credentials, visit.origin, visit.now)
    const { username, id: sid } = session
    await logEvent(c, 'info', 'user.signed_up', { username, sid })
    c.status(201)
    return welcome(c, session, visit, cookie)
  })

type Visit = Awaited<ReturnType<typeof readVisit>>

/** Who comes from where; throws before anything is counted or written where no token could be signed. */
async function readVisit(c: Context<AppEnv>) {
  const config = readConfig(c.env)
  const origin = {
    address: readNetwork(c),
    userAgent: c.req.header('User-Agent') ?? '',
    country: String(c.req.raw.cf?.country ?? ''),
  }
  return { config, ring: await importRing(config), origin, now: Math.floor(Date.now() / 1000) }
}

/** Answers with the session's tokens; in a browser it takes the place of the one before. */
async function welcome(
  c: Context<AppEnv>,
  session: Session,
  { config, ring, now }: Visit,
  cookie: boolean,
) {
  const replaced = cookie ? await readReplacedSession(c, ring, config, now) : undefined
  if (replaced && (await endSession(config, replaced.sid, now)))
    await logEvent(c, 'info', 'session.revoked', {
      username: replaced.sub,
      sid: replaced.sid,
      reason: 'replaced by a login in the same browser',
    })
  return answerTokens(c, await issueTokens(session, ring, config, now), { cookie })
}
