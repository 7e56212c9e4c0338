// GET /sessions and DELETE /sessions/:id: lists the user's sessions, and revokes one.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { revokeOwnSession } from '../auth/sessions/sessions.ts'
import { PageQuery } from '../contract/requests.ts'
import { listSessions } from '../db/session-list.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateQuery } from '../middleware/validate.ts'

export const sessions = new Hono<AppEnv>()
  .get('/sessions', jwtRequired(), validateQuery(PageQuery), async (c) => {
    const { isolate, now } = c.var
    const { sid } = c.var.user
    return c.json(await listSessions(isolate.db, { sid, ...c.req.valid('query') }, now))
  })
  .delete('/sessions/:id', jwtRequired(), async (c) => {
    const { isolate, now } = c.var
    const id = c.req.param('id')
    await revokeOwnSession(isolate, { id, ownId: c.var.user.sid }, now)
    await logEvent(c, 'info', { event: 'session.revoked', sid: id, reason: 'revoked by its user' })
    return c.json({ message: 'Session ended' })
  })
