// Limits on guessing passwords: counted before any hash is computed, the same for names that do not exist.

import type { Config } from '../config.ts'
import { type Counters, countTry } from '../db/login-failures.ts'
import type { User } from '../db/users.ts'
import { AppError } from '../errors.ts'
import { toBase64url } from './base64url.ts'

/** A try that may go on to the hash. `counters` takes it back when the password is right. */
export type Try = { user: User | undefined; counters: Counters }

/**
 * Counts a try at a user's password from an address. Throws `too_many_tries` past the limits,
 * whether or not the password is right, so that the answer tells nothing.
 */
export async function openTry(
  config: Config,
  username: string,
  address: string,
  now: number,
): Promise<Try> {
  return count(
    config,
    { pair: ['pair', address, username], name: ['name', username] },
    username,
    now,
  )
}

/**
 * Counts a sign-up, which tells whether a name is taken: by address, and by name. Nothing takes it back.
 * Throws `too_many_tries`.
 */
export async function countSignUp(
  config: Config,
  username: string,
  address: string,
  now: number,
): Promise<void> {
  const keys = { pair: ['signup', address], name: ['signup', 'name', username] }
  await count(config, keys, username, now)
}

async function count(
  config: Config,
  keys: Record<keyof Counters, string[]>,
  username: string,
  now: number,
): Promise<Try> {
  const [pair, name] = await Promise.all([toKey(keys.pair), toKey(keys.name)])
  const counters = { pair, name }
  const limits = {
    pairMax: config.LOGIN_MAX_FAILURES,
    nameMax: config.LOGIN_MAX_FAILURES_PER_NAME,
    windowSeconds: config.LOGIN_WINDOW_SECONDS,
  }
  const counted = await countTry(config.DB, counters, username, limits, now)
  if ('retryAfter' in counted)
    throw new AppError('too_many_tries', 'paused after failures', {
      retryAfter: counted.retryAfter,
    })
  return { user: counted.user, counters }
}

/** Names may be long, and need not exist: a hash of what is counted is stored. */
async function toKey(parts: string[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(parts))
  return toBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
}

// A hash occupies the isolate for some 25 ms: who would wait for more than half a second is told so.
const MAX_WAITING = 20
let waiting = 0

/** Lets a bounded number of log-ins at once be at their hash or on the way to it. Throws `busy`. */
export async function inLine<Result>(work: () => Promise<Result>): Promise<Result> {
  if (waiting >= MAX_WAITING) throw new AppError('busy', `${MAX_WAITING} log-ins are waiting`)
  waiting += 1
  try {
    return await work()
  } finally {
    waiting -= 1
  }
}
