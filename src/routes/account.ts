// GET /me and PUT /me/password: the user behind the token.

import { Hono } from 'hono'

import { changePassword } from '../auth/login.ts'
import { readConfig } from '../config.ts'
import type { AppEnv } from '../app-env.ts'
import { limitTries, readNetwork } from '../http/client-address.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateJson } from '../middleware/validate.ts'
import { PasswordBody } from '../contract/requests.ts'

export const me = new Hono<AppEnv>()
  .get('/me', jwtRequired(), (c) => {
    const { sub, roles, auth_time } = c.var.user
    return c.json({ username: sub, roles, auth_time })
  })
  .put('/me/password', jwtRequired(), limitTries, validateJson(PasswordBody), async (c) => {
    const { current_password: current, new_password: next } = c.req.valid('json')
    const now = Math.floor(Date.now() / 1000)
    const who = { ...c.var.user, address: readNetwork(c) }
    await changePassword(readConfig(c.env), who, { current, next }, now)
    await logEvent(c, 'info', 'password.changed', { username: who.sub, sid: who.sid })
    return c.json({ message: 'Password changed' })
  })
