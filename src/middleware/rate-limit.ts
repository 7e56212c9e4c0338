// How often one address may attempt a password.

import { createMiddleware } from 'hono/factory'

import type { AppEnv } from '../app-env.ts'
import { AppError } from '../errors.ts'
import { readNetwork } from '../http/client-address.ts'

/** Limits attempts per address by Cloudflare's Rate Limiting binding. Throws `too_many_attempts`. */
export const loginRateLimit = createMiddleware<AppEnv>(async (c, next) => {
  const { success } = await c.var.isolate.loginLimiter.limit({ key: readNetwork(c) }).catch(() => {
    throw new AppError('busy', { reason: 'the rate limiter failed' }) // fail closed
  })
  if (!success) throw new AppError('too_many_attempts', { reason: 'address over its rate' })
  await next()
})
