// How often one user may log in, counted by the sessions that this has started.

import { AppError } from '../errors.ts'
import { select } from './query.ts'

/** Each login may revoke a session, and every isolate reads what is revoked. */
const MAX_LOGINS = 100
/** For how long a session is kept after its login, so that it is counted. */
export const LOGIN_SECONDS = 900

/** Returns SQL for `until`, the time at which a user who has reached the limit may log in again; for others no row. */
export const toLoginLimit = (userId: string, now: string): string =>
  `SELECT created_at + ${LOGIN_SECONDS} AS until FROM sessions
  WHERE user_id = ${userId} AND created_at > ${now} - ${LOGIN_SECONDS}
  ORDER BY created_at DESC LIMIT 1 OFFSET ${MAX_LOGINS - 1}`

/** Throws `too_many_attempts` for a user who has reached the limit. */
export async function requireFewLogins(db: D1Database, userId: number, now: number): Promise<void> {
  const [row] = await select<{ until: number }>(db, toLoginLimit('?1', '?2'), [userId, now])
  if (row) throw new AppError('too_many_attempts', { retryAfter: row.until - now })
}
