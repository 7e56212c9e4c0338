// What an operator changes of a user: the change and the end of the user's sessions are one transaction.

import { idsOf, runBatch } from './query.ts'
import { selectUser, type User, userOf } from './users.ts'

/** What is left out stays as it is. */
export type UserChange = {
  roles?: string[] | undefined
  passwordHash?: string | undefined
  disabled?: boolean | undefined
}

/** The user as changed or as removed, and the ids of the sessions that were ended. */
export type Changed = { user: User; ended: string[] }
export type NotChanged = 'no_user' | 'last_admin'

/** Whether a user other than ?1 is an admin who may log in. An index holds just these. */
const ANOTHER_ADMIN = `EXISTS (
  SELECT 1 FROM users WHERE username <> ?1 AND disabled_at IS NULL AND instr(roles, '"admin"') > 0)`

/**
 * Changes a user, and ends their sessions, unless the change is only that they may log in again. With
 * `keepAdmin`, nothing that would leave no admin: also when two admins try to remove each other.
 */
export function changeUser(
  db: D1Database,
  username: string,
  { roles, passwordHash, disabled }: UserChange,
  now: number,
  { keepAdmin = false } = {},
): Promise<Changed | NotChanged> {
  const takesAdmin = disabled === true || (roles !== undefined && !roles.includes('admin'))
  const enablesOnly = disabled === false && roles === undefined && passwordHash === undefined
  const needsAdmin = Number(keepAdmin && takesAdmin)
  return settle(db, username, [
    endSessions(db, username, now, { needsAdmin, none: enablesOnly }),
    db
      .prepare(
        `UPDATE users SET
           roles = coalesce(?3, roles),
           password_hash = coalesce(?4, password_hash),
           disabled_at = iif(?5 IS NULL, disabled_at, iif(?5, coalesce(disabled_at, ?6), NULL))
         WHERE username = ?1 AND (?2 = 0 OR ${ANOTHER_ADMIN})
         RETURNING *`,
      )
      .bind(
        username,
        needsAdmin,
        roles ? JSON.stringify(roles) : null,
        passwordHash ?? null,
        disabled === undefined ? null : Number(disabled),
        now,
      ),
  ])
}

/** Removes a user, and ends their sessions; with `keepAdmin`, not the last admin. */
export function deleteUser(
  db: D1Database,
  username: string,
  now: number,
  { keepAdmin = false } = {},
): Promise<Changed | NotChanged> {
  return settle(db, username, [
    // First: a removed user's could not be found.
    endSessions(db, username, now, { needsAdmin: Number(keepAdmin) }),
    db
      .prepare(`DELETE FROM users WHERE username = ?1 AND (?2 = 0 OR ${ANOTHER_ADMIN}) RETURNING *`)
      .bind(username, Number(keepAdmin)),
  ])
}

/** The statement that ends a user's sessions, on the conditions of the change that is the reason. */
const endSessions = (
  db: D1Database,
  username: string,
  now: number,
  { needsAdmin, none = false }: { needsAdmin: number; none?: boolean },
) =>
  db
    .prepare(
      `UPDATE sessions SET revoked_at = ?2
       WHERE user_id = (SELECT id FROM users WHERE username = ?1) AND revoked_at IS NULL
         AND (?3 = 0 OR ${ANOTHER_ADMIN}) AND ?4 = 0
       RETURNING id`,
    )
    .bind(username, now, needsAdmin, Number(none))

/** Runs both statements, and looks why nothing has changed. */
async function settle(
  db: D1Database,
  username: string,
  statements: D1PreparedStatement[],
): Promise<Changed | NotChanged> {
  const [ended, changed, left] = await runBatch(db, [...statements, selectUser(db, username)])
  const user = userOf(changed)
  if (user) return { user, ended: idsOf(ended) }
  return userOf(left) ? 'last_admin' : 'no_user'
}
