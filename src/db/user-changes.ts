// Changes of a user: the change and the revocation of the user's sessions are one transaction.

import { AppError } from '../errors.ts'
import { idsOf, prepare, runBatch } from './query.ts'
import { foldUsername, selectUser, type User, USER_COLUMNS, userOf } from './users.ts'

/** What is left out stays unchanged. */
export type UserChange = {
  roles?: string[] | undefined
  passwordHash?: string | undefined
  disabled?: boolean | undefined
  /** Removes all second factors. */
  removeFactors?: boolean
}

/** The user as changed or as removed, and the ids of the revoked sessions. */
type Changed = { user: User; revoked: string[] }

/** Whether another user than ?1 is an enabled admin who has a password. An index contains the enabled admins. */
const ANOTHER_ADMIN = `EXISTS (SELECT 1 FROM users WHERE username <> ?1
  AND disabled_at IS NULL AND instr(roles, '"admin"') > 0 AND password_hash NOT LIKE '!%')`

/** Marks the session ?1 if at ?2 it is live and of an enabled admin, who has shown the factor that they have. */
const BEGIN_ACTING = `UPDATE sessions SET is_acting = 1
  WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?2
    AND EXISTS (SELECT 1 FROM users WHERE users.id = user_id
      AND disabled_at IS NULL AND instr(roles, '"admin"') > 0)
    AND (aal = 2 OR NOT EXISTS (SELECT 1 FROM enrolled WHERE enrolled.user_id = sessions.user_id))
  RETURNING id`
const END_ACTING = 'UPDATE sessions SET is_acting = 0 WHERE id = ?1'

/** Whether ?3, the session that asks for the change, may make it; null is the command line. */
export const ACTOR_MAY =
  '(?3 IS NULL OR EXISTS (SELECT 1 FROM sessions WHERE id = ?3 AND is_acting))'

/** Whether the acting session may make the change and, if ?2 is 1, an admin remains. */
const MAY_CHANGE = `${ACTOR_MAY} AND (?2 = 0 OR ${ANOTHER_ADMIN})`

/** What every statement of a change is bound to, as ?1 to ?3. */
export type Conditions = [user: string, other: string | number, actor: string | null]

/**
 * Runs statements that contain ACTOR_MAY as one transaction. Nobody outside of it sees the mark of the acting
 * session. So admins can change their own account, which revokes that session first. Throws `token_revoked` when
 * the admin was demoted, disabled, removed or logged out while the request was under way.
 */
export async function runAsActor(
  db: D1Database,
  { actor, statements }: { actor: string | undefined; statements: D1PreparedStatement[] },
  now: number,
): Promise<D1Result<unknown>[]> {
  if (actor === undefined) return runBatch(db, statements)
  const begin = prepare(db, BEGIN_ACTING, [actor, now])
  const end = prepare(db, END_ACTING, [actor])
  const [acting, ...results] = await runBatch(db, [begin, ...statements, end])
  if (acting?.results.length === 1) return results.slice(0, -1)
  throw new AppError('token_revoked', { reason: 'no longer an admin' })
}

/**
 * `actor` is the session of the admin: it is checked where the change is made, not before. Without one, on the
 * command line, which needs no admin, the last one may be removed.
 */
export type Target = { username: string; actor?: string | undefined }

/**
 * Changes a user and revokes their sessions, unless the change only enables them. Throws `not_found` and, with an
 * actor, `token_revoked` or `last_admin`, also when two admins demote each other at the same moment.
 */
export function changeUser(
  db: D1Database,
  { change, ...target }: Target & { change: UserChange },
  now: number,
): Promise<Changed> {
  const { roles, passwordHash = null, disabled, removeFactors } = change
  const removesAdmin = disabled === true || (roles !== undefined && !roles.includes('admin'))
  const revokes = disabled !== false || roles !== undefined || passwordHash !== null
  const sql = `UPDATE users SET
      roles = coalesce(?5, roles),
      password_hash = coalesce(?6, password_hash),
      disabled_at = iif(?7 IS NULL, disabled_at, iif(?7, coalesce(disabled_at, ?4), NULL)),
      changed_by = coalesce(?3, '')
    WHERE username = ?1 AND ${MAY_CHANGE}
    RETURNING ${USER_COLUMNS}`
  const newDisabled = disabled === undefined ? null : Number(disabled)
  const values = [now, roles ? JSON.stringify(roles) : null, passwordHash, newDisabled]
  const before = removeFactors ? REMOVE_FACTORS : []
  return applyChange(db, { ...target, removesAdmin, before, revokes, sql, values }, now)
}

const REMOVAL = `INSERT INTO new_events (event, user_id, by_session)
  SELECT 'user.removed', id, ?3 FROM users WHERE username = ?1 AND ${MAY_CHANGE}`

/** Removes a user and revokes their sessions. Throws as `changeUser` does. */
export function deleteUser(db: D1Database, target: Target, now: number): Promise<Changed> {
  const sql = `DELETE FROM users WHERE username = ?1 AND ${MAY_CHANGE} RETURNING ${USER_COLUMNS}`
  const change = { removesAdmin: true, before: [REMOVAL], revokes: true, sql, values: [] }
  return applyChange(db, { ...target, ...change }, now)
}

/**
 * Revokes a user's sessions, under the conditions of the change itself. On the command line by the database's
 * clock: isolates would never learn of a revocation that an operator's slow clock dates back.
 */
const REVOKE_SESSIONS = `UPDATE sessions
  SET revoked_at = iif(?3 IS NULL, unixepoch(), ?4), revoked_by = coalesce(?3, '')
  WHERE user_id = (SELECT id FROM users WHERE username = ?1) AND revoked_at IS NULL
    AND ${MAY_CHANGE} RETURNING id`

const FACTORS = `FROM factors
  WHERE user_id = (SELECT id FROM users WHERE username = ?1) AND ${MAY_CHANGE}`
const RECORD_FACTORS = `INSERT INTO new_events (event, user_id, by_session)
  SELECT DISTINCT 'factor.removed', user_id, ?3 ${FACTORS} AND verified_at IS NOT NULL`
const REMOVE_FACTORS = [RECORD_FACTORS, `DELETE ${FACTORS}`]

/** `before` are statements that find the user as they were. */
type Change = Target & {
  removesAdmin: boolean
  before: string[]
  revokes: boolean
  sql: string
  values: (string | number | null)[]
}

/** Runs the statement that changes a user, and finds out why nothing has changed. */
async function applyChange(
  db: D1Database,
  { username, actor, removesAdmin, before, revokes, sql, values }: Change,
  now: number,
): Promise<Changed> {
  const keepsAdmin = Number(actor !== undefined && removesAdmin)
  const conditions: Conditions = [username, keepsAdmin, actor ?? null]
  const statements = [
    // Before the change: the sessions of a removed user could not be found.
    ...before.map((one) => prepare(db, one, conditions)),
    ...(revokes ? [prepare(db, REVOKE_SESSIONS, [...conditions, now])] : []),
    prepare(db, sql, [...conditions, ...values]),
    selectUser(db, username),
  ]
  const results = await runAsActor(db, { actor, statements }, now)
  const [changed, left] = results.slice(-2)
  const user = userOf(changed)
  if (user) return { user, revoked: idsOf(results.at(-3)) }
  throw new AppError(userOf(left) ? 'last_admin' : 'not_found')
}

export type NewUser = {
  username: string
  passwordHash: string
  roles: string[]
  actor?: string | undefined
  /** Nobody gives themselves the name of a removed user, or one that looks like another. */
  isSignUp?: boolean
}

/** ?1 username, ?2 folded, ?3 the acting session, ?4 now, ?5 hash, ?6 roles, ?7 whether it is a sign-up. */
export const INSERT_USER = `INSERT INTO users
    (username, folded, password_hash, roles, created_at, changed_by)
  SELECT ?1, ?2, ?5, ?6, ?4, iif(?7, 'signup', coalesce(?3, '')) WHERE ${ACTOR_MAY}
    AND (?7 = 0 OR NOT EXISTS (SELECT 1 FROM removed_usernames WHERE folded = ?2))
  ON CONFLICT DO NOTHING RETURNING ${USER_COLUMNS}`

/**
 * Adds a user. Throws `token_revoked`, and `username_taken` when the name exists already, regardless of case, or
 * `isSignUp` and it was a removed user's: services that know users by name would give the new one what they
 * kept for the old one.
 */
export async function insertUser(
  db: D1Database,
  { username, passwordHash, roles, actor, isSignUp = false }: NewUser,
  now: number,
): Promise<User> {
  const conditions: Conditions = [username, foldUsername(username), actor ?? null]
  const values = [...conditions, now, passwordHash, JSON.stringify(roles), Number(isSignUp)]
  const statements = [prepare(db, INSERT_USER, values)]
  return addedUser(await runAsActor(db, { actor, statements }, now))
}

/** Returns the user of INSERT_USER, the first of the statements. Throws `username_taken`. */
export function addedUser([inserted]: D1Result<unknown>[]): User {
  const user = userOf(inserted)
  if (user) return user
  throw new AppError('username_taken', { error: { username: ['Is taken already.'] } })
}
