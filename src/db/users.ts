// The `users` table: one function, one statement.

import { change, prepare, rowsOf, select } from './query.ts'

export type User = {
  id: number
  username: string
  passwordHash: string
  roles: string[]
  createdAt: number
  disabledAt: number | null
  /** Whether the user has a second factor, where it was asked for. */
  isEnrolled?: number
}

export type UserRow = Omit<User, 'roles'> & { folded: string; roles: string }

export function toUser(row: UserRow): User {
  const { folded: _, ...user } = row
  return { ...user, roles: JSON.parse(row.roles) }
}

/** The columns of UserRow. */
export const USER_COLUMNS = `id, username, folded, password_hash AS passwordHash, roles,
  created_at AS createdAt, disabled_at AS disabledAt`

/** Folds case, so that names that differ only in case are equal: `ẞ` becomes `ss`, a final `ς` becomes `σ`. */
export const foldUsername = (username: string): string =>
  username.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFC')

const SELECT_USER = `SELECT ${USER_COLUMNS},
    EXISTS (SELECT 1 FROM enrolled WHERE user_id = users.id) AS isEnrolled
  FROM users WHERE username = ?1`

/** Returns the user of this name, disabled or not. */
export async function findUser(db: D1Database, username: string): Promise<User | undefined> {
  return (await select<UserRow>(db, SELECT_USER, [username])).map(toUser)[0]
}

/** Returns `findUser` as a statement for a batch; `userOf` reads its result. */
export const selectUser = (db: D1Database, username: string) => prepare(db, SELECT_USER, [username])

export const userOf = (result: D1Result<unknown> | undefined): User | undefined =>
  rowsOf<UserRow>(result).map(toUser)[0]

/** Sorts after every name with the same beginning. */
const LAST_CODE_POINT = '\u{10FFFF}'

type UserPage = { limit: number; prefix?: string | undefined; after?: string | undefined }

/** Returns a page of the users whose names begin with `prefix` in any case, and `after` of the next page. */
export async function listUsers(
  db: D1Database,
  { limit, prefix = '', after = '' }: UserPage,
): Promise<{ users: User[]; next: string | null }> {
  const start = foldUsername(prefix)
  const sql = `SELECT ${USER_COLUMNS} FROM users
    WHERE folded >= max(?1, ?2) AND folded <> ?2 AND folded < ?3 ORDER BY folded LIMIT ?4`
  const rows = await select<UserRow>(db, sql, [start, after, start + LAST_CODE_POINT, limit + 1])
  const users = rows.slice(0, limit).map(toUser)
  return { users, next: (rows.length > limit && rows[limit - 1]?.folded) || null }
}

/** Replaces a hash by a stronger one of the same password; returns false when it has changed meanwhile. */
export async function replacePasswordHash(
  db: D1Database,
  user: User,
  passwordHash: string,
): Promise<boolean> {
  const sql = 'UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2'
  return (await change(db, sql, [user.id, user.passwordHash, passwordHash])) > 0
}
