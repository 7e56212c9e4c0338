// GET /me and PUT /me/password: the user of the token.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { changePassword } from '../auth/login.ts'
import { PasswordBody } from '../contract/requests.ts'
import type { AccountResponse } from '../contract/responses.ts'
import { readClientInfo } from '../http/client-address.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { loginRateLimit } from '../middleware/rate-limit.ts'
import { validateJson } from '../middleware/validate.ts'
import { completeLogin } from './login.ts'

export const account = new Hono<AppEnv>()
  .get('/me', jwtRequired({ acr: 'aal1' }), (c) => {
    const { sub: username, roles, auth_time } = c.var.user
    return c.json({ username, roles, auth_time } satisfies AccountResponse)
  })
  .put('/me/password', jwtRequired(), loginRateLimit, validateJson(PasswordBody), async (c) => {
    const { isolate, now } = c.var
    const { sub: username, sid } = c.var.user
    const { current_password: current, new_password: next, cookie } = c.req.valid('json')
    const change = { username, sid, client: readClientInfo(c), current, next }
    const session = await changePassword(isolate, change, now)
    return completeLogin(c, session, { event: 'password.changed', cookie })
  })
