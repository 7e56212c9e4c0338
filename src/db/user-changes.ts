// Changes of a user: the change and the revocation of the user's sessions are one transaction.

import { clearFailures, type Counters } from './login-failures.ts'
import { idsOf, prepare, runBatch } from './query.ts'
import { selectUser, type User, USER_COLUMNS, userOf } from './users.ts'

/** What is left out stays unchanged. */
export type UserChange = {
  roles?: string[] | undefined
  passwordHash?: string | undefined
  disabled?: boolean | undefined
}

/** The user as changed or as removed, and the ids of the revoked sessions. */
export type Changed = { user: User; revoked: string[] }
export type NotChanged = 'no_user' | 'last_admin'

/** Whether another user than ?1 is an enabled admin. An index contains exactly these. */
const ANOTHER_ADMIN = `EXISTS (
  SELECT 1 FROM users WHERE username <> ?1 AND disabled_at IS NULL AND instr(roles, '"admin"') > 0)`

/**
 * Changes a user and revokes their sessions, unless the change only enables them. With `keepLastAdmin`,
 * refuses to leave no admin, also when two admins demote each other at the same moment.
 */
export function changeUser(
  db: D1Database,
  { username, change, keepLastAdmin }: KeepAdmin & { change: UserChange },
  now: number,
): Promise<Changed | NotChanged> {
  const { roles, passwordHash = null, disabled } = change
  const removesAdmin = disabled === true || (roles !== undefined && !roles.includes('admin'))
  const onlyEnables = disabled === false && roles === undefined && passwordHash === null
  const needsAdmin = keepLastAdmin && removesAdmin
  const sql = `UPDATE users SET
      roles = coalesce(?3, roles),
      password_hash = coalesce(?4, password_hash),
      disabled_at = iif(?5 IS NULL, disabled_at, iif(?5, coalesce(disabled_at, ?6), NULL))
    WHERE username = ?1 AND (?2 = 0 OR ${ANOTHER_ADMIN})
    RETURNING ${USER_COLUMNS}`
  const newRoles = roles ? JSON.stringify(roles) : null
  const newDisabled = disabled === undefined ? null : Number(disabled)
  const values = [username, Number(needsAdmin), newRoles, passwordHash, newDisabled, now]
  return applyChange(db, username, [
    ...(onlyEnables ? [] : [revokeSessions(db, { username, needsAdmin }, now)]),
    prepare(db, sql, values),
  ])
}

/** Removes a user and revokes their sessions; with `keepLastAdmin`, not the last admin. */
export function deleteUser(
  db: D1Database,
  { username, keepLastAdmin }: KeepAdmin,
  now: number,
): Promise<Changed | NotChanged> {
  const sql = `DELETE FROM users WHERE username = ?1 AND (?2 = 0 OR ${ANOTHER_ADMIN})
    RETURNING ${USER_COLUMNS}`
  return applyChange(db, username, [
    // First: the sessions of a removed user could not be found.
    revokeSessions(db, { username, needsAdmin: keepLastAdmin }, now),
    prepare(db, sql, [username, Number(keepLastAdmin)]),
  ])
}

type KeepAdmin = { username: string; keepLastAdmin: boolean }

/** Returns the statement that revokes a user's sessions, under the conditions of the change itself. */
function revokeSessions(
  db: D1Database,
  { username, needsAdmin }: { username: string; needsAdmin: boolean },
  now: number,
): D1PreparedStatement {
  const sql = `UPDATE sessions SET revoked_at = ?2
    WHERE user_id = (SELECT id FROM users WHERE username = ?1) AND revoked_at IS NULL
      AND (?3 = 0 OR ${ANOTHER_ADMIN})
    RETURNING id`
  return prepare(db, sql, [username, now, Number(needsAdmin)])
}

/** Runs the statements, of which the last one changes the user, and finds out why nothing has changed. */
async function applyChange(
  db: D1Database,
  username: string,
  statements: D1PreparedStatement[],
): Promise<Changed | NotChanged> {
  const results = await runBatch(db, [...statements, selectUser(db, username)])
  const [left, changed, revoked] = results.toReversed()
  const user = userOf(changed)
  if (user) return { user, revoked: idsOf(revoked) }
  return userOf(left) ? 'last_admin' : 'no_user'
}

type PasswordChange = { user: User; sid: string; passwordHash: string; clear: Counters }

/**
 * Changes the password of the user of session `sid`, revokes their other sessions and takes back the
 * attempt, in one transaction. Returns the revoked ids; undefined, and nothing is changed, when the
 * password or the session has changed in the meantime.
 */
export async function changePasswordHash(
  db: D1Database,
  { user, sid, passwordHash, clear }: PasswordChange,
  now: number,
): Promise<string[] | undefined> {
  const update = `UPDATE users SET password_hash = ?3
    WHERE id = ?1 AND password_hash = ?2 AND disabled_at IS NULL AND EXISTS (
      SELECT 1 FROM sessions WHERE id = ?4 AND user_id = ?1 AND revoked_at IS NULL)`
  const revokeOthers = `UPDATE sessions SET revoked_at = ?4
    WHERE user_id = ?1 AND id <> ?2 AND revoked_at IS NULL
      AND EXISTS (SELECT 1 FROM users WHERE id = ?1 AND password_hash = ?3)
    RETURNING id`
  const [changed, revoked] = await runBatch(db, [
    prepare(db, update, [user.id, user.passwordHash, passwordHash, sid]),
    prepare(db, revokeOthers, [user.id, sid, passwordHash, now]),
    ...clearFailures(db, clear),
  ])
  return changed?.meta.changes === 1 ? idsOf(revoked) : undefined
}
