// How often one address may attempt a password, and one session may be refreshed.

import { createMiddleware } from 'hono/factory'

import type { AppEnv } from '../app-env.ts'
import { AppError } from '../errors.ts'
import { readNetwork } from '../http/client-address.ts'
import { requireJson } from './validate.ts'

/**
 * Limits attempts per address by Cloudflare's Rate Limiting binding. Refuses first what a foreign page can
 * send without a preflight, so that it cannot use up its visitor's attempts. Throws `body_not_json`,
 * `cross_site`, `address_unknown` or `too_many_attempts`.
 */
export const loginRateLimit = createMiddleware<AppEnv>(async (c, next) => {
  const { LOGIN_LIMITER, CORS_ORIGINS } = c.var.isolate.settings
  requireJson(c)
  const isCrossSite = c.req.header('Sec-Fetch-Site') === 'cross-site'
  if (isCrossSite && !CORS_ORIGINS.includes(c.req.header('Origin') ?? ''))
    throw new AppError('cross_site', { reason: 'password sent by a page of another origin' })
  const key = readNetwork(c)
  // Without an address all callers would share one counter: anyone could lock everyone out.
  if (key === '') throw new AppError('address_unknown', { reason: 'CF-Connecting-IP is missing' })
  await requireRate(LOGIN_LIMITER, key, 'address over its rate')
  await next()
})

/** Limits what a session writes to the database. Throws `too_many_attempts`. */
export const sessionRateLimit = createMiddleware<AppEnv & { Variables: { user: { sid: string } } }>(
  async (c, next) => {
    const { isolate, user } = c.var
    await requireRate(isolate.settings.REFRESH_LIMITER, user.sid, 'session over its rate')
    await next()
  },
)

async function requireRate(limiter: RateLimit, key: string, reason: string): Promise<void> {
  const { success } = await limiter.limit({ key }).catch(() => {
    throw new AppError('busy', { reason: 'the rate limiter failed' }) // fail closed
  })
  if (!success) throw new AppError('too_many_attempts', { reason })
}
