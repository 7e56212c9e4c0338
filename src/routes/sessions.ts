// GET /sessions and DELETE /sessions/:id: a user's live sessions, and the end of one.

import { Hono } from 'hono'

import { endOwnSession } from '../auth/sessions/sessions.ts'
import { readConfig } from '../config.ts'
import { listSessions } from '../db/sessions.ts'
import type { AppEnv } from '../app-env.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateQuery } from '../middleware/validate.ts'
import { PageQuery } from '../contract/requests.ts'

export const sessions = new Hono<AppEnv>()
  .get('/sessions', jwtRequired(), validateQuery(PageQuery), async (c) => {
    const now = Math.floor(Date.now() / 1000)
    const { sid } = c.var.user
    const { limit, after } = c.req.valid('query')
    const { rows, next } = await listSessions(readConfig(c.env).DB, { sid }, { limit, after }, now)
    return c.json({ sessions: rows.map((row) => ({ ...row, current: row.id === sid })), next })
  })
  .delete('/sessions/:id', jwtRequired(), async (c) => {
    const now = Math.floor(Date.now() / 1000)
    const id = c.req.param('id')
    await endOwnSession(readConfig(c.env), { id, ownId: c.var.user.sid }, now)
    const reason = 'ended by its user'
    await logEvent(c, 'info', 'session.revoked', { username: c.var.user.sub, sid: id, reason })
    return c.json({ message: 'Session ended' })
  })
