// GET /me and PUT /me/password: the user of the token.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { changePassword } from '../auth/login.ts'
import { PasswordBody } from '../contract/requests.ts'
import type { AccountResponse } from '../contract/responses.ts'
import { readNetwork } from '../http/client-address.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { loginRateLimit } from '../middleware/rate-limit.ts'
import { validateJson } from '../middleware/validate.ts'

export const account = new Hono<AppEnv>()
  .get('/me', jwtRequired(), (c) => {
    const { sub: username, roles, auth_time } = c.var.user
    return c.json({ username, roles, auth_time } satisfies AccountResponse)
  })
  .put('/me/password', jwtRequired(), loginRateLimit, validateJson(PasswordBody), async (c) => {
    const { isolate, now } = c.var
    const { sub: username, sid } = c.var.user
    const { current_password: current, new_password: next } = c.req.valid('json')
    const change = { username, sid, address: readNetwork(c), current, next }
    await changePassword(isolate, change, now)
    await logEvent(c, 'info', { event: 'password.changed' })
    return c.json({ message: 'Password changed' })
  })
