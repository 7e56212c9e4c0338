// Encrypts the seeds of second factors again with the current DATA_SECRET, so that the previous one can be deleted.

import { openSeed, sealSeed } from '../../auth/keys/seal.ts'
import { importKeyRing, type KeyRing } from '../../auth/keys/key-ring.ts'
import { listOtherSeeds, replaceSeeds, type Seed } from '../../db/seeds.ts'
import { AppError } from '../../errors.ts'
import { withIsolate } from '../cloudflare/isolate.ts'
import type { Ring } from '../cloudflare/ring-file.ts'
import { CommandError } from '../terminal/command-error.ts'
import { toCommand } from '../terminal/quote.ts'

const PAGE_SIZE = 1000

type Target = { remote: boolean; env: string | undefined }

/**
 * Encrypts all seeds that another key of the ring has encrypted; returns how many. Users notice nothing: as long as
 * the Worker knows both keys, it reads either form. Throws a CommandError, and nothing is lost, for a seed that
 * no key of the ring opens.
 */
export async function resealSeeds(
  db: D1Database,
  ring: Ring,
  target: Target = { remote: false, env: undefined },
): Promise<number> {
  const keys = await importKeyRing(ring, 'DATA_SECRET')
  const { kid } = keys.current
  let resealed = 0
  for (let after = ''; ;) {
    const seeds = await listOtherSeeds(db, { kid, after }, PAGE_SIZE)
    const last = seeds.at(-1)
    if (!last) return resealed
    after = last.id
    const pairs = seeds.map(async (seed) => ({
      ...seed,
      resealed: await reseal(seed, keys, target),
    }))
    resealed += await replaceSeeds(db, await Promise.all(pairs))
  }
}

async function reseal(
  { userId, username, sealed }: Seed,
  keys: KeyRing,
  { remote, env }: Target,
): Promise<string> {
  const seed = await openSeed(keys, userId, sealed).catch((error: unknown) => {
    if (!(error instanceof AppError)) throw error
    const where = [...(remote ? ['--remote'] : []), ...(env ? ['--env', env] : [])]
    const name = username.startsWith('-') ? ['--', username] : [username]
    const remove = toCommand('users', ['factors', '--remove', ...where, ...name])
    throw new CommandError(
      `Cannot decrypt a second factor of '${username}': ${error.message}.\nTo remove all their second factors and end their sessions: ${remove}`,
    )
  })
  return sealSeed(keys, userId, seed)
}

/** Does this in the database of a Worker. */
export const resealAll = (target: Target, ring: Ring): Promise<number> =>
  withIsolate(target, ({ db }) => resealSeeds(db, ring, target))
