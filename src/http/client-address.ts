// The client's address, and the limit on how often one may try a password.

import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'

import { readConfig } from '../config.ts'
import { AppError } from '../errors.ts'
import type { AppEnv } from '../app-env.ts'

/**
 * The network of the client as Cloudflare saw it: no other header is believed (ASVS 4.1.3). An IPv6
 * client has a whole /64 to itself, so that counts as one.
 */
export function readNetwork(c: Context): string {
  const address = c.req.header('CF-Connecting-IP') ?? ''
  return address.includes(':') ? toPrefix(address) : address
}

/** The first 64 bits of an IPv6 address, or the IPv4 address that is mapped into it. */
function toPrefix(address: string): string {
  if (!URL.canParse(`http://[${address}]`)) return ''
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [front = [], back] = canonical.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array.from({ length: 8 - front.length - (back?.length ?? 0) }, () => '0')
  const groups = back ? [...front, ...zeros, ...back] : front
  const mapped = groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff'
  return mapped ? groups.slice(6).join(':') : `${groups.slice(0, 4).join(':')}::/64`
}

/** Lets an address try only so often, by Cloudflare's Rate Limiting binding. Throws `too_many_tries`. */
export const limitTries = createMiddleware<AppEnv>(async (c, next) => {
  const { LOGIN_LIMITER: limiter } = readConfig(c.env)
  const { success } = await limiter.limit({ key: readNetwork(c) }).catch(() => {
    throw new AppError('busy', 'the limiter does not answer') // whatever it says: fail closed
  })
  if (!success) throw new AppError('too_many_tries', 'address over its rate')
  await next()
})
