// Many users at once, for import and export: their rows travel as JSON in one bound value, since D1 binds at most 100.

import { run, runBatch } from './query.ts'
import { foldUsername, toUser, type User, type UserRow } from './users.ts'

/** JSON arrays of rows, each short enough for one bound value; `count` is how many rows it holds. */
export type Pack = { json: string; count: number }

// D1's limit is 2 MB a value.
const MAX_PACK_BYTES = 900_000
const TRANSACTION_TIMEOUT_MS = 120_000

export function packRows(rows: unknown[], maxBytes = MAX_PACK_BYTES): Pack[] {
  const packs: Pack[] = []
  let texts: string[] = []
  let bytes = 0
  const close = () => {
    if (texts.length > 0) packs.push({ json: `[${texts.join(',')}]`, count: texts.length })
    texts = []
    bytes = 0
  }
  for (const row of rows) {
    const text = JSON.stringify(row)
    const length = new TextEncoder().encode(text).length + 1
    if (bytes + length > maxBytes) close()
    texts.push(text)
    bytes += length
  }
  close()
  return packs
}

/** A user as `insertUsers` takes it. */
export const toInsertRow = (user: Omit<User, 'id'>): unknown[] => [
  user.username,
  foldUsername(user.username),
  user.passwordHash,
  JSON.stringify(user.roles),
  user.createdAt,
  user.disabledAt,
]

/** Adds the users of all packs, or none of them when one name is taken. */
export async function insertUsers(db: D1Database, packs: Pack[]): Promise<void> {
  const statement = db.prepare(
    `INSERT INTO users (username, folded, password_hash, roles, created_at, disabled_at)
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
     FROM json_each(?1)`,
  )
  const statements = packs.map(({ json }) => statement.bind(json))
  await runBatch(db, statements, TRANSACTION_TIMEOUT_MS)
}

/** Those who have a name in a pack, which holds folded names, in whatever case. */
export async function findUsers(db: D1Database, { json }: Pack): Promise<User[]> {
  const { results } = await run<UserRow>(
    db.prepare('SELECT * FROM users WHERE folded IN (SELECT value FROM json_each(?1))').bind(json),
  )
  return results.map(toUser)
}
