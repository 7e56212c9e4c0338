// The seeds in `factors`, as DATA_SECRET rotates, on the command line: nothing of it is in the Worker's bundle.

import { change, select } from './query.ts'

export type Seed = { id: string; userId: number; username: string; sealed: string }

/** Returns up to `limit` seeds that are not encrypted with key `kid`, in the order of ids after `after`. */
export const listOtherSeeds = (
  db: D1Database,
  { kid, after }: { kid: string; after: string },
  limit: number,
): Promise<Seed[]> =>
  select(
    db,
    `SELECT factors.id, user_id AS userId, coalesce(username, '') AS username, sealed_seed AS sealed
     FROM factors LEFT JOIN users ON users.id = user_id
     WHERE substr(sealed_seed, 1, length(?1)) <> ?1 AND factors.id > ?2 ORDER BY factors.id LIMIT ?3`,
    [`${kid}.`, after, limit],
  )

/** Replaces seeds, each unless it has changed meanwhile; returns how many. */
export const replaceSeeds = (
  db: D1Database,
  seeds: (Pick<Seed, 'id' | 'sealed'> & { resealed: string })[],
): Promise<number> =>
  change(
    db,
    `UPDATE factors SET sealed_seed = value ->> 2 FROM json_each(?1)
     WHERE factors.id = value ->> 0 AND sealed_seed = value ->> 1`,
    [JSON.stringify(seeds.map(({ id, sealed, resealed }) => [id, sealed, resealed]))],
  )
