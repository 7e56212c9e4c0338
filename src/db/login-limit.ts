// How often one user may log in, counted by the sessions that this has started: the view in 0009_login_limits.sql.

import { AppError } from '../errors.ts'
import { select } from './query.ts'

/** For how long a session is kept after its login, so that it is counted. */
export const LOGIN_SECONDS = 900

/** Throws `too_many_attempts` for a user who has logged in 100 times in 15 minutes. */
export async function requireFewLogins(db: D1Database, userId: number, now: number): Promise<void> {
  const sql = `SELECT hundredth_at + ${LOGIN_SECONDS} AS until FROM login_limits
    WHERE user_id = ?1 AND hundredth_at > ?2 - ${LOGIN_SECONDS}`
  const [row] = await select<{ until: number }>(db, sql, [userId, now])
  if (row) throw new AppError('too_many_attempts', { retryAfter: row.until - now })
}
