// The `users` table: one function, one statement or one transaction.

import { idsOf, run, runBatch } from './query.ts'

export type User = {
  id: number
  username: string
  passwordHash: string
  roles: string[]
  createdAt: number
  disabledAt: number | null
}

export type UserRow = {
  id: number
  username: string
  folded: string
  password_hash: string
  roles: string
  created_at: number
  disabled_at: number | null
}

export const toUser = (row: UserRow): User => ({
  id: row.id,
  username: row.username,
  passwordHash: row.password_hash,
  roles: JSON.parse(row.roles),
  createdAt: row.created_at,
  disabledAt: row.disabled_at,
})

/** A name in one case, so that twins are the same: `ẞ` as `ss`, and a `ς` at the end as any `σ`. */
export const foldUsername = (username: string): string =>
  username.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFC')

/** The statement that reads the user of this name, disabled or not; `userOf` takes its result. */
export const selectUser = (db: D1Database, username: string) =>
  db.prepare('SELECT * FROM users WHERE username = ?1').bind(username)

export function userOf(result: D1Result<unknown> | undefined): User | undefined {
  const [row] = (result?.results ?? []) as UserRow[]
  return row && toUser(row)
}

export const findUser = async (db: D1Database, username: string): Promise<User | undefined> =>
  userOf(await run(selectUser(db, username)))

/** Sorts behind every name that begins alike. */
const LAST = '\u{10FFFF}'

/** A page of the users whose names begin with `prefix` in any case, by name, and where the next begins. */
export async function listUsers(
  db: D1Database,
  {
    limit,
    prefix = '',
    after = '',
  }: { limit: number; prefix?: string | undefined; after?: string | undefined },
): Promise<{ users: User[]; next: string | null }> {
  const start = foldUsername(prefix)
  const { results } = await run<UserRow>(
    db
      .prepare(
        `SELECT * FROM users WHERE folded >= max(?1, ?2) AND folded <> ?2 AND folded < ?3
         ORDER BY folded LIMIT ?4`,
      )
      .bind(start, after, start + LAST, limit + 1),
  )
  const rows = results.slice(0, limit)
  const last = results.length > limit ? rows.at(-1) : undefined
  return { users: rows.map(toUser), next: last?.folded ?? null }
}

/** Adds a user; undefined when the name is taken, in whatever case. */
export async function insertUser(
  db: D1Database,
  user: { username: string; passwordHash: string; roles: string[] },
  now: number,
): Promise<User | undefined> {
  const { username, passwordHash, roles } = user
  return userOf(
    await run(
      db
        .prepare(
          `INSERT INTO users (username, folded, password_hash, roles, created_at)
           VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING RETURNING *`,
        )
        .bind(username, foldUsername(username), passwordHash, JSON.stringify(roles), now),
    ),
  )
}

/** Replaces a hash by a stronger one of the same password, unless it has changed meanwhile. */
export async function replacePasswordHash(
  db: D1Database,
  user: User,
  passwordHash: string,
): Promise<void> {
  await run(
    db
      .prepare('UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2')
      .bind(user.id, user.passwordHash, passwordHash),
  )
}

/**
 * Changes the password of the user of session `sid`, and ends their other sessions, unless the
 * password or the session has changed meanwhile: then nothing. The ids of what was ended. `also`
 * stands in the same transaction.
 */
export async function changePasswordHash(
  db: D1Database,
  user: User,
  { sid, passwordHash }: { sid: string; passwordHash: string },
  now: number,
  also: D1PreparedStatement[],
): Promise<string[] | undefined> {
  const [changed, ended] = await runBatch(db, [
    db
      .prepare(
        `UPDATE users SET password_hash = ?3
         WHERE id = ?1 AND password_hash = ?2 AND disabled_at IS NULL AND EXISTS (
           SELECT 1 FROM sessions WHERE id = ?4 AND user_id = ?1 AND revoked_at IS NULL)`,
      )
      .bind(user.id, user.passwordHash, passwordHash, sid),
    db
      .prepare(
        `UPDATE sessions SET revoked_at = ?4
         WHERE user_id = ?1 AND id <> ?2 AND revoked_at IS NULL
           AND EXISTS (SELECT 1 FROM users WHERE id = ?1 AND password_hash = ?3)
         RETURNING id`,
      )
      .bind(user.id, sid, passwordHash, now),
    ...also,
  ])
  return changed?.meta.changes === 1 ? idsOf(ended) : undefined
}
