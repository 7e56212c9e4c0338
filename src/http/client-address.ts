// Where a request comes from.

import type { Context } from 'hono'

import type { ClientInfo } from '../auth/sessions/sessions.ts'

/** UTF-16 units of the user agent that are stored: browsers name themselves at the end, after 100 and more. */
const MAX_USER_AGENT = 256

export const readClientInfo = (c: Context): ClientInfo => ({
  address: readNetwork(c),
  userAgent: cutUserAgent(c.req.header('User-Agent') ?? ''),
  country: String(c.req.raw.cf?.country ?? ''),
})

/** The network that Cloudflare reports for Workers of all other zones, regardless of who called them. */
const OTHER_WORKERS = '2a06:98c0:3600:0::/64'
const LOCAL = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/]/

/** Cuts at whole code points: `\p{C}` contains the half of a pair that a cut leaves at the end. */
function cutUserAgent(userAgent: string): string {
  const invisible = new RegExp(String.raw`\p{C}`, 'gu') // as a literal, it would slow down each cold start
  return userAgent.replaceAll(invisible, '').slice(0, MAX_USER_AGENT).replaceAll(invisible, '')
}

/**
 * Returns the client's network as Cloudflare saw it; no other header is trusted (ASVS 4.1.3). An IPv6
 * client controls a whole /64, so that counts as one address. Empty when the caller is not a client.
 */
export function readNetwork(c: Context): string {
  const address = c.req.header('CF-Connecting-IP') ?? (LOCAL.test(c.req.url) ? 'local' : '')
  const network = address.includes(':') ? toPrefix(address) : address
  return network === OTHER_WORKERS ? '' : network
}

/** Returns the first 64 bits of an IPv6 address, or the IPv4 address mapped into it. */
function toPrefix(address: string): string {
  if (!URL.canParse(`http://[${address}]`)) return ''
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [front = [], back] = canonical.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array.from({ length: 8 - front.length - (back?.length ?? 0) }, () => '0')
  const groups = back ? [...front, ...zeros, ...back] : front
  if (groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff') return toIpv4(groups.slice(6))
  return `${groups.slice(0, 4).join(':')}::/64`
}

/** Returns the IPv4 address in two groups, as URLs write a number: it counts as the same address in either form. */
const toIpv4 = (groups: string[]): string =>
  new URL(`http://0x${groups.map((group) => group.padStart(4, '0')).join('')}`).hostname
