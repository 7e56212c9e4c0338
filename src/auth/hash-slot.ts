// How many passwords an isolate hashes at the same time.

import { AppError } from '../errors.ts'

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
