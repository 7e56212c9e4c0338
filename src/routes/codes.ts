// POST /users/:username/reset-code, for admins, and POST /reset-password, for anyone who has a code.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { createResetCode, resetPassword } from '../auth/codes/codes.ts'
import { ResetBody, UserPath } from '../contract/requests.ts'
import { readClientInfo } from '../http/client-address.ts'
import { logEvent } from '../http/request-log.ts'
import { loginRateLimit } from '../middleware/rate-limit.ts'
import { validateJson, validatePath } from '../middleware/validate.ts'
import { adminRequired, useOwnPassword } from './users.ts'

export const codes = new Hono<AppEnv>()
  .post('/users/:username/reset-code', adminRequired, validatePath(UserPath), async (c) => {
    const { isolate, now, user } = c.var
    const { username } = c.req.valid('param')
    if (username === user.sub) throw useOwnPassword('username')
    const code = await createResetCode(isolate, { username, actor: user.sid }, now)
    await logEvent(c, 'info', { event: 'code.created', target: username })
    return c.json(code, 201)
  })
  .post('/reset-password', loginRateLimit, validateJson(ResetBody), async (c) => {
    const { isolate, now } = c.var
    const { code, new_password: password } = c.req.valid('json')
    await isolate.keyRing() // nobody could log in with the new password
    const client = readClientInfo(c)
    const username = await resetPassword(isolate, { code, password, client }, now)
    await logEvent(c, 'info', { event: 'password.reset', username })
    return c.json({ username })
  })
