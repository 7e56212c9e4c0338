// POST /users/:username/reset-code, for admins, and POST /reset-password, for anyone who has a code.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { createResetCode, resetPassword } from '../auth/codes/codes.ts'
import { ResetBody, UserPath } from '../contract/requests.ts'
import type { CodeResponse } from '../contract/responses.ts'
import { readClientInfo } from '../http/client-address.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { loginRateLimit } from '../middleware/rate-limit.ts'
import { validateJson, validatePath } from '../middleware/validate.ts'
import { FRESH_ADMIN, useOwnPassword } from './users.ts'

export const codes = new Hono<AppEnv>()
  .post(
    '/users/:username/reset-code',
    jwtRequired(FRESH_ADMIN),
    validatePath(UserPath),
    async (c) => {
      const { isolate, now, user: by } = c.var
      const { username } = c.req.valid('param')
      if (username === by.sub) throw useOwnPassword('username')
      const { code, expiresAt } = await createResetCode(isolate, { username, by }, now)
      await logEvent(c, 'info', { event: 'code.created', target: username })
      return c.json({ code, expires_at: expiresAt } satisfies CodeResponse, 201)
    },
  )
  .post('/reset-password', loginRateLimit, validateJson(ResetBody), async (c) => {
    const { isolate, now } = c.var
    const { code, new_password: password } = c.req.valid('json')
    await isolate.keyRing() // nobody could log in with the new password
    const client = readClientInfo(c)
    const username = await resetPassword(isolate, { code, password, client }, now)
    await logEvent(c, 'info', { event: 'password.reset', username })
    return c.json({ username })
  })
