// POST /signup: creates a user and logs them in, where SIGNUP is open.

import { Hono } from 'hono'
import { createMiddleware } from 'hono/factory'

import type { AppEnv } from '../app-env.ts'
import { signUp } from '../auth/users.ts'
import { SignUpBody } from '../contract/requests.ts'
import { AppError } from '../errors.ts'
import { readClientInfo } from '../http/client-address.ts'
import { loginRateLimit } from '../middleware/rate-limit.ts'
import { validateJson } from '../middleware/validate.ts'
import { completeLogin } from './login.ts'

const requireOpenSignup = createMiddleware<AppEnv>(async (c, next) => {
  if (c.var.isolate.settings.SIGNUP === 'closed') throw new AppError('not_found')
  await next()
})

export const signup = new Hono<AppEnv>().post(
  '/signup',
  requireOpenSignup,
  loginRateLimit,
  validateJson(SignUpBody),
  async (c) => {
    const { isolate, now } = c.var
    const { cookie, ...credentials } = c.req.valid('json')
    await isolate.keyRing() // nothing is counted or written where no token can be signed
    const session = await signUp(isolate, { ...credentials, client: readClientInfo(c) }, now)
    c.status(201)
    return completeLogin(c, session, { event: 'user.signed_up', cookie })
  },
)
