// Limits on guessing passwords: counted before any hash is computed, and the same for unknown usernames.

import { type Counters, countAttempt } from '../db/login-failures.ts'
import type { User } from '../db/users.ts'
import { AppError } from '../errors.ts'
import type { Isolate } from '../isolate.ts'
import { sha256, toBase64url } from './encoding.ts'

/** An attempt that may compute a hash. Its counters take it back when the password is right. */
export type LoginAttempt = { user: User | undefined; counters: Counters }
type Attempt = { username: string; address: string }

/**
 * Counts an attempt at a user's password from an address. While locked out, even the correct password
 * is rejected, so that the response reveals nothing. Throws `too_many_attempts`.
 */
export function recordAttempt(
  isolate: Isolate,
  { username, address }: Attempt,
  now: number,
): Promise<LoginAttempt> {
  const keys = { byAddress: ['pair', address, username], byUsername: ['name', username] }
  return record(isolate, { username, keys }, now)
}

/**
 * Counts a sign-up, which reveals whether a username is taken, by address and by username. Nothing
 * takes it back. Throws `too_many_attempts`.
 */
export async function recordSignUp(
  isolate: Isolate,
  { username, address }: Attempt,
  now: number,
): Promise<void> {
  const keys = { byAddress: ['signup', address], byUsername: ['signup', 'name', username] }
  await record(isolate, { username, keys }, now)
}

async function record(
  { db, settings }: Isolate,
  { username, keys }: { username: string; keys: Record<keyof Counters, string[]> },
  now: number,
): Promise<LoginAttempt> {
  const [byAddress, byUsername] = await Promise.all([toKey(keys.byAddress), toKey(keys.byUsername)])
  const counters = { byAddress, byUsername }
  const limits = {
    maxFailuresPerAddress: settings.LOGIN_MAX_FAILURES,
    maxFailuresPerUsername: settings.LOGIN_MAX_FAILURES_PER_NAME,
    windowSeconds: settings.LOGIN_WINDOW_SECONDS,
  }
  const counted = await countAttempt(db, { counters, username, limits }, now)
  if ('user' in counted) return { user: counted.user, counters }
  throw new AppError('too_many_attempts', { reason: 'locked after failures', ...counted })
}

/** Stores a hash of what is counted: usernames may be long, and need not exist. */
const toKey = async (parts: string[]) => toBase64url(await sha256(JSON.stringify(parts)))

// A hash occupies the isolate for some 25 ms: a login that would wait for half a second is refused.
const MAX_CONCURRENT_HASHES = 20
let inFlight = 0

/** Limits how many logins may be hashing, or about to hash, at the same time. Throws `busy`. */
export async function withHashSlot<Result>(work: () => Promise<Result>): Promise<Result> {
  if (inFlight >= MAX_CONCURRENT_HASHES) throw new AppError('busy', { reason: 'too many logins' })
  inFlight += 1
  try {
    return await work()
  } finally {
    inFlight -= 1
  }
}
