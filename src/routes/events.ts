// GET /me/events and GET /events: what has happened to the user's account and, for admins, to all accounts.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { EventsQuery, PageQuery } from '../contract/requests.ts'
import { listEvents } from '../db/events.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateQuery } from '../middleware/validate.ts'
import { adminRequired } from './users.ts'

export const events = new Hono<AppEnv>()
  .get('/me/events', jwtRequired(), validateQuery(PageQuery), async (c) => {
    const { sub: username, sid } = c.var.user
    return c.json(await listEvents(c.var.isolate.db, { ...c.req.valid('query'), username, sid }))
  })
  .get('/events', adminRequired, validateQuery(EventsQuery), async (c) =>
    c.json(await listEvents(c.var.isolate.db, c.req.valid('query'))),
  )
