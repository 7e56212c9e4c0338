// Encrypts the seeds of second factors again with the current DATA_SECRET, so that the previous one can be deleted.

import { openSeed, sealSeed } from '../../auth/keys/seal.ts'
import { importKeyRing } from '../../auth/keys/key-ring.ts'
import { listOtherSeeds, replaceSeeds } from '../../db/seeds.ts'
import { withIsolate } from '../cloudflare/isolate.ts'
import type { Ring } from '../cloudflare/ring-file.ts'

const PAGE_SIZE = 1000

/**
 * Encrypts all seeds that another key of the ring has encrypted; returns how many. Users notice nothing: as long as
 * the Worker knows both keys, it reads either form. Throws `keys_invalid`, and nothing is lost, for a seed that no key
 * of the ring opens.
 */
export async function resealSeeds(db: D1Database, ring: Ring): Promise<number> {
  const keys = await importKeyRing(ring, 'DATA_SECRET')
  const { kid } = keys.current
  let resealed = 0
  for (let after = ''; ;) {
    const seeds = await listOtherSeeds(db, { kid, after }, PAGE_SIZE)
    const last = seeds.at(-1)
    if (!last) return resealed
    after = last.id
    const reseal = async (userId: number, sealed: string) =>
      sealSeed(keys, userId, await openSeed(keys, userId, sealed))
    const pairs = seeds.map(async (seed) => ({
      ...seed,
      resealed: await reseal(seed.userId, seed.sealed),
    }))
    resealed += await replaceSeeds(db, await Promise.all(pairs))
  }
}

/** Does this in the database of a Worker. */
export const resealAll = (
  target: { remote: boolean; env: string | undefined },
  ring: Ring,
): Promise<number> => withIsolate(target, ({ db }) => resealSeeds(db, ring))
