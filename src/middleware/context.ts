// The context of a request, collected once: the isolate, the time, and a deadline for its body.

import { createMiddleware } from 'hono/factory'

import type { AppEnv } from '../app-env.ts'
import { argon2id } from '../auth/passwords/argon2.ts'
import { AppError } from '../errors.ts'
import { openIsolate } from '../isolate.ts'

const MAX_BODY_MS = 10_000

/** Fills `c.var`. Throws `settings_invalid`. */
export const openContext = createMiddleware<AppEnv>((c, next) => {
  const nowMs = Date.now()
  c.set('nowMs', nowMs)
  c.set('now', Math.floor(nowMs / 1000))
  c.set('isolate', openIsolate(c.env, argon2id))
  if (c.req.method !== 'GET') c.req.raw = withBodyDeadline(c.req.raw)
  return next()
})

/**
 * Returns a request whose body fails with `body_timeout` unless it has arrived within 10 seconds: what was
 * checked before the body is still true after it.
 */
function withBodyDeadline(request: Request): Request {
  if (request.method === 'HEAD' || !request.body) return request // workerd gives HEAD an empty body
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new TransformStream<Uint8Array, Uint8Array>({
    start(controller) {
      timer = setTimeout(() => controller.error(new AppError('body_timeout')), MAX_BODY_MS)
    },
    flush: () => clearTimeout(timer),
  })
  const body = request.body.pipeThrough(deadline)
  return new Request(request, { method: request.method, body })
}
