// The `users` table: one function, one statement.

import { run } from './run.ts'

export type User = {
  id: number
  username: string
  passwordHash: string
  roles: string[]
  createdAt: number
  disabledAt: number | null
}

type UserRow = {
  id: number
  username: string
  password_hash: string
  roles: string
  created_at: number
  disabled_at: number | null
}

const toUser = (row: UserRow): User => ({
  id: row.id,
  username: row.username,
  passwordHash: row.password_hash,
  roles: JSON.parse(row.roles),
  createdAt: row.created_at,
  disabledAt: row.disabled_at,
})

/** The user of this name, disabled or not. */
export async function findUser(db: D1Database, username: string): Promise<User | undefined> {
  const { results } = await run<UserRow>(
    db.prepare('SELECT * FROM users WHERE username = ?1').bind(username),
  )
  return results[0] && toUser(results[0])
}

/** All users by name, at most `limit`. */
export async function listUsers(db: D1Database, limit: number): Promise<User[]> {
  const { results } = await run<UserRow>(
    db.prepare('SELECT * FROM users ORDER BY username LIMIT ?1').bind(limit),
  )
  return results.map(toUser)
}

/** Adds a user; false when the name is taken. */
export async function insertUser(
  db: D1Database,
  user: { username: string; passwordHash: string; roles: string[] },
  now: number,
): Promise<boolean> {
  const { meta } = await run(
    db
      .prepare(
        `INSERT INTO users (username, password_hash, roles, created_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING`,
      )
      .bind(user.username, user.passwordHash, JSON.stringify(user.roles), now),
  )
  return meta.changes === 1
}

/** Sets a new password hash; false when there is no such user. */
export async function setPasswordHash(
  db: D1Database,
  username: string,
  passwordHash: string,
): Promise<boolean> {
  const { meta } = await run(
    db
      .prepare('UPDATE users SET password_hash = ?2 WHERE username = ?1')
      .bind(username, passwordHash),
  )
  return meta.changes === 1
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

/** Disables a user (`disabledAt` in seconds) or enables them again (null); false: no such user. */
export async function setDisabledAt(
  db: D1Database,
  username: string,
  disabledAt: number | null,
): Promise<boolean> {
  const { meta } = await run(
    db.prepare('UPDATE users SET disabled_at = ?2 WHERE username = ?1').bind(username, disabledAt),
  )
  return meta.changes === 1
}

/** Removes a user; false when there is none of this name. */
export async function deleteUser(db: D1Database, username: string): Promise<boolean> {
  const { meta } = await run(db.prepare('DELETE FROM users WHERE username = ?1').bind(username))
  return meta.changes === 1
}
