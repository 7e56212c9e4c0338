// GET /sessions and DELETE /sessions/:id: lists the user's sessions, and revokes one.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { revokeOwnSession } from '../auth/sessions/sessions.ts'
import { PageQuery } from '../contract/requests.ts'
import type { SessionListResponse } from '../contract/responses.ts'
import { listSessions, type SessionEntry } from '../db/session-list.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateQuery } from '../middleware/validate.ts'

/** Rounds down to the hour: a thief who knew when its owner refreshes could stay within the grace. */
const toHour = ({ createdAt, rotatedAt }: SessionEntry) =>
  Math.max(createdAt, rotatedAt - (rotatedAt % 3600))

/** Converts a page of sessions; `sid` is the session of the request. */
export const toSessionList = (
  { entries, next }: { entries: SessionEntry[]; next: string | null },
  sid: string,
): SessionListResponse => ({
  sessions: entries.map((entry) => ({
    id: entry.id,
    created_at: entry.createdAt,
    refreshed_at: entry.id === sid ? toHour(entry) : entry.rotatedAt,
    expires_at: entry.expiresAt,
    user_agent: entry.userAgent,
    country: entry.country,
    current: entry.id === sid,
  })),
  next,
})

export const sessions = new Hono<AppEnv>()
  .get('/sessions', jwtRequired(), validateQuery(PageQuery), async (c) => {
    const { isolate, now } = c.var
    const { sid } = c.var.user
    const page = await listSessions(isolate.db, { sid, ...c.req.valid('query') }, now)
    return c.json(toSessionList(page, sid))
  })
  .delete('/sessions/:id', jwtRequired(), async (c) => {
    const { isolate, now } = c.var
    const id = c.req.param('id')
    await revokeOwnSession(isolate, { id, ownId: c.var.user.sid }, now)
    await logEvent(c, 'info', { event: 'session.revoked', sid: id, reason: 'revoked by its user' })
    return c.json({ message: 'Session ended' })
  })
