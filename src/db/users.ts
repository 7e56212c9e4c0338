// The `users` table: one function, one statement.

import { revokeSessionsOf } from './revocations.ts'
import { idsOf, run, runBatch } from './run.ts'

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

/** The statement that reads the user of this name, disabled or not; `userOf` takes its result. */
export const selectUser = (db: D1Database, username: string) =>
  db.prepare('SELECT * FROM users WHERE username = ?1').bind(username)

export function userOf(result: D1Result<unknown> | undefined): User | undefined {
  const [row] = (result?.results ?? []) as UserRow[]
  return row && toUser(row)
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

/** Sets a new password hash and ends the user's sessions; false when there is no such user. */
export const setPasswordHash = (
  db: D1Database,
  username: string,
  passwordHash: string,
  now: number,
): Promise<boolean> =>
  endSessionsAnd(db, username, now, [
    'UPDATE users SET password_hash = ?2 WHERE username = ?1',
    passwordHash,
  ])

/** Sets a user's roles and ends their sessions, whose tokens name the old ones; false: no such user. */
export const setRoles = (
  db: D1Database,
  username: string,
  roles: string[],
  now: number,
): Promise<boolean> =>
  endSessionsAnd(db, username, now, [
    'UPDATE users SET roles = ?2 WHERE username = ?1',
    JSON.stringify(roles),
  ])

/** Disables a user and ends their sessions; false when there is no such user. */
export const disableUser = (db: D1Database, username: string, now: number): Promise<boolean> =>
  endSessionsAnd(db, username, now, ['UPDATE users SET disabled_at = ?2 WHERE username = ?1', now])

/** Removes a user and ends their sessions; false when there is none of this name. */
export const deleteUser = (db: D1Database, username: string, now: number): Promise<boolean> =>
  endSessionsAnd(db, username, now, ['DELETE FROM users WHERE username = ?1'])

/** One transaction: the sessions first, since a removed user's could not be found afterwards. */
async function endSessionsAnd(
  db: D1Database,
  username: string,
  now: number,
  [sql, ...values]: [string, ...(string | number)[]],
): Promise<boolean> {
  const [, changed] = await runBatch(db, [
    revokeSessionsOf(db, username, now),
    db.prepare(sql).bind(username, ...values),
  ])
  return changed?.meta.changes === 1
}

/** Lets a disabled user log in again; false when there is no such user. */
export async function enableUser(db: D1Database, username: string): Promise<boolean> {
  const { meta } = await run(
    db.prepare('UPDATE users SET disabled_at = NULL WHERE username = ?1').bind(username),
  )
  return meta.changes === 1
}
