// Limits on guessing passwords: counted before any hash is computed, and the same for unknown usernames.

import { type Counter, type Counters, countAttempt, DAY_SECONDS } from '../db/login-failures.ts'
import type { User } from '../db/users.ts'
import { AppError } from '../errors.ts'
import type { Isolate } from '../isolate.ts'
import { keyedHash } from './keys/key-ring.ts'
import type { ClientInfo } from './sessions/sessions.ts'

/** Its counters take it back when the password is right. */
type LoginAttempt = { user: User | undefined; counters: Counters }
type Attempt = { username: string; client: ClientInfo }
/** What is counted, the limit, and after how many seconds it starts again; 0: it decays over a day. */
type Limit = [parts: string[], max: number, windowSeconds: number]

/** How much more a wider group may fail: a network over all usernames, an IPv6 /48 instead of a /64. */
const WIDER = 5

/**
 * Counts an attempt at a user's password. While locked out, even the correct password is rejected, so that the
 * response reveals nothing. A device (network and user agent) from which this user has logged in has its own
 * counter, and no lockout that others have caused. Throws `too_many_attempts`.
 */
export function recordAttempt(
  isolate: Isolate,
  { username, client }: Attempt,
  now: number,
): Promise<LoginAttempt> {
  const { LOGIN_MAX_FAILURES: max, LOGIN_WINDOW_SECONDS, ...settings } = isolate.settings
  const limits = toNetworks(client.address, max).flatMap(([network, most]): Limit[] => [
    [['pair', network, username], most, LOGIN_WINDOW_SECONDS],
    [['network', network], most * WIDER, 0],
  ])
  limits.push([['name', username], settings.LOGIN_MAX_FAILURES_PER_NAME, 0])
  const device = ['device', client.address, client.userAgent, username]
  limits.push([device, max, DAY_SECONDS])
  return record(isolate, { username, client, device, limits }, now)
}

/** Returns the counter of a device that is its user's. Once it is cleared, no other locks the device out. */
export async function readDevice(
  isolate: Isolate,
  { username, client }: Attempt,
): Promise<Counters> {
  const parts = ['failures', 'device', client.address, client.userAgent, username]
  const device = await keyedHash(await isolate.keyRing(), parts)
  return { device, counted: [device], own: [device] }
}

/**
 * Counts a sign-up, which reveals whether a username is taken, by network and by username. Nothing
 * takes it back. Throws `too_many_attempts`.
 */
export async function recordSignUp(
  isolate: Isolate,
  { username, client }: Attempt,
  now: number,
): Promise<void> {
  const { LOGIN_MAX_FAILURES: max, LOGIN_WINDOW_SECONDS, ...settings } = isolate.settings
  const limits = toNetworks(client.address, max).map(([network, most]): Limit => {
    return [['signup', network], most, LOGIN_WINDOW_SECONDS]
  })
  limits.push([['signup', 'name', username], settings.LOGIN_MAX_FAILURES_PER_NAME, 0])
  await record(isolate, { username: '', client, device: [], limits }, now) // concerns no user
}

/** Returns a network with its limit; for IPv6 also the /48 that many providers assign to one customer. */
function toNetworks(network: string, max: number): [network: string, max: number][] {
  if (!network.endsWith('::/64')) return [[network, max]]
  const wider: [string, number] = [network.split(':', 3).join(':'), max * WIDER]
  return [[network, max], wider]
}

/** The keys are hashes under a key of the ring: people type passwords into the username field. */
async function record(
  isolate: Isolate,
  { username, client, device, limits }: Attempt & { device: string[]; limits: Limit[] },
  now: number,
): Promise<LoginAttempt> {
  const ring = await isolate.keyRing()
  const toKey = (parts: string[]) => keyedHash(ring, ['failures', ...parts])
  const toCounter = async ([key, ...rest]: Limit): Promise<Counter> => [await toKey(key), ...rest]
  const counters = await Promise.all(limits.map(toCounter))
  const attempt = { ...client, username, device: await toKey(device), counters }
  const counted = await countAttempt(isolate.db, attempt, now)
  if ('user' in counted) return counted
  throw new AppError('too_many_attempts', { reason: 'locked, or too many logins', ...counted })
}
