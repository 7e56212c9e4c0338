// The `codes` table: one-time codes with which users choose their password.

import { AppError } from '../errors.ts'
import { clearFailures, type Counters, type Place } from './login-failures.ts'
import { idsOf, prepare, runBatch, select } from './query.ts'
import { ACTOR_MAY, addedUser, type Conditions, INSERT_USER, runAsActor } from './user-changes.ts'
import { foldUsername, type User } from './users.ts'

/** `actor` is the session of the admin, checked where the code is written; undefined on the command line. */
export type NewCode = {
  username: string
  codeHash: string
  expiresAt: number
  actor?: string | undefined
}

/** Creates the code of an enabled user, instead of an earlier one. Throws `not_found` or `token_revoked`. */
export async function replaceCode(
  db: D1Database,
  { username, codeHash, expiresAt, actor }: NewCode,
  now: number,
): Promise<void> {
  const conditions: Conditions = [username, 0, actor ?? null]
  const insert = prepare(db, INSERT_CODE, [...conditions, now, codeHash, expiresAt])
  const [inserted] = await runAsActor(db, { actor, statements: [insert] }, now)
  if (!inserted?.meta.changes) throw new AppError('not_found')
}

/** On the command line by the database's clock, not by the operator's. */
const INSERT_CODE = `INSERT OR REPLACE INTO codes (user_id, code_hash, expires_at, created_by)
  SELECT id, ?5, iif(?3 IS NULL, unixepoch() + ?6 - ?4, ?6), coalesce((
    SELECT username FROM users WHERE id = (SELECT user_id FROM sessions WHERE id = ?3)), '')
  FROM users
  WHERE username = ?1 AND disabled_at IS NULL AND ${ACTOR_MAY}`

/** Adds a user without a usable password, and their code, in one transaction. Throws as `insertUser` does. */
export async function insertInvited(
  db: D1Database,
  { username, codeHash, expiresAt, actor, roles }: NewCode & { roles: string[] },
  now: number,
): Promise<User> {
  const conditions: Conditions = [username, foldUsername(username), actor ?? null]
  // Not a PHC string, so that no password matches it; unique, so that only this insert gets the code.
  const unusable = `!${codeHash}`
  const insertCode = `${INSERT_CODE} AND password_hash = ?7`
  const statements = [
    prepare(db, INSERT_USER, [...conditions, now, unusable, JSON.stringify(roles), 0]),
    prepare(db, insertCode, [...conditions, now, codeHash, expiresAt, unusable]),
  ]
  return addedUser(await runAsActor(db, { actor, statements }, now))
}

const VALID = `code_hash = ?1 AND expires_at > ?2
  AND EXISTS (SELECT 1 FROM users WHERE users.id = user_id AND disabled_at IS NULL)`

const OWNER = `(SELECT user_id FROM codes WHERE ${VALID})`

/** Returns the username of a valid code. */
export async function findCodeUser(
  db: D1Database,
  codeHash: string,
  now: number,
): Promise<string | undefined> {
  const sql = `SELECT username FROM users WHERE id = ${OWNER}`
  return (await select<{ username: string }>(db, sql, [codeHash, now]))[0]?.username
}

type Redemption = Place & { codeHash: string; passwordHash: string; clear: Counters }

/**
 * Sets the password of the user of a valid code and revokes their sessions, whose ids are returned, in one
 * transaction. A trigger deletes the code with the update. Returns undefined, and changes neither, when the
 * code is not valid. Clears the failures of the device, which had a valid code.
 */
export async function redeemCode(
  db: D1Database,
  { codeHash, passwordHash, clear, address, country }: Redemption,
  now: number,
): Promise<string[] | undefined> {
  const revoke = `UPDATE sessions SET revoked_at = ?2
    WHERE user_id = ${OWNER} AND revoked_at IS NULL RETURNING id`
  const update = `UPDATE users SET password_hash = ?3 WHERE id = ${OWNER} RETURNING id`
  const record = `INSERT INTO new_events (event, user_id, actor, address, country)
    SELECT 'password.reset', user_id, created_by, ?3, ?4 FROM codes WHERE ${VALID}`
  const [, revoked, updated] = await runBatch(db, [
    prepare(db, record, [codeHash, now, address, country]),
    prepare(db, revoke, [codeHash, now]),
    prepare(db, update, [codeHash, now, passwordHash]),
    ...clearFailures(db, clear, now),
  ])
  return updated?.results.length === 1 ? idsOf(revoked) : undefined
}
