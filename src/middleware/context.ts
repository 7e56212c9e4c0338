// The context of a request, collected once: the isolate and the time.

import { createMiddleware } from 'hono/factory'

import type { AppEnv } from '../app-env.ts'
import { argon2id } from '../auth/passwords/argon2.ts'
import { withBodyDeadline } from '../http/body-deadline.ts'
import { openIsolate } from '../isolate.ts'

/** Fills `c.var`. Throws `settings_invalid`. */
export const openContext = createMiddleware<AppEnv>((c, next) => {
  const nowMs = Date.now()
  c.set('nowMs', nowMs)
  c.set('now', Math.floor(nowMs / 1000))
  c.set('isolate', openIsolate(c.env, argon2id))
  if (c.req.method !== 'GET') c.req.raw = withBodyDeadline(c.req.raw)
  return next()
})
