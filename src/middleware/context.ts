// The context of a request, collected once: the isolate, the time and the request's id.

import { createMiddleware } from 'hono/factory'

import type { AppEnv } from '../app-env.ts'
import { argon2id } from '../auth/passwords/argon2.ts'
import { readRequestId } from '../http/request-log.ts'
import { openIsolate } from '../isolate.ts'

/** Fills `c.var`. Throws `settings_invalid`. */
export const openContext = createMiddleware<AppEnv>((c, next) => {
  c.set('requestId', readRequestId(c))
  c.set('nowMs', Date.now())
  c.set('now', Math.floor(c.var.nowMs / 1000))
  c.set('isolate', openIsolate(c.env, argon2id))
  return next()
})
