// Revoking sessions in the `sessions` table: one function, one statement.

import { change, select } from './query.ts'

/** `by` is the session that asks, or `reuse`. Without it, no event is recorded. */
export type Revocation = { id: string; by?: string }

/** Revokes one session; returns false when it is revoked already or does not exist. */
export async function markRevoked(db: D1Database, { id, by = '' }: Revocation, now: number) {
  const sql = `UPDATE sessions SET revoked_at = ?2, revoked_by = nullif(?3, '')
    WHERE id = ?1 AND revoked_at IS NULL`
  return (await change(db, sql, [id, now, by])) > 0 // D1 also counts what triggers change
}

/** Revokes a live session of the same user as session `ownId`; returns false when it does not exist. */
export async function markOwnRevoked(
  db: D1Database,
  { id, ownId }: { id: string; ownId: string },
  now: number,
): Promise<boolean> {
  const sql = `UPDATE sessions SET revoked_at = ?3, revoked_by = ?2
    WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?3
      AND user_id = (SELECT user_id FROM sessions WHERE id = ?2)`
  return (await change(db, sql, [id, ownId, now])) > 0
}

/** Revokes the other sessions of a session's user, also expired ones, which tokens may outlive; returns their ids. */
export async function markOthersRevoked(
  db: D1Database,
  ownId: string,
  now: number,
): Promise<string[]> {
  const sql = `UPDATE sessions SET revoked_at = ?2, revoked_by = ?1
    WHERE id <> ?1 AND revoked_at IS NULL
      AND user_id = (SELECT user_id FROM sessions WHERE id = ?1)
    RETURNING id`
  return (await select<{ id: string }>(db, sql, [ownId, now])).map(({ id }) => id)
}

/** A row whose id is this and a Unix time revokes every session that had started by then. */
export const EVERYONE = '*'
/** Belongs to no user: ids of users start at 1. */
export const NO_USER = 0

/**
 * Session ids, and the Unix time up to which every session that had started is revoked. Without `isComplete` there
 * are more ids than were asked for.
 */
export type RevokedList = { ids: string[]; revokedBefore: number; isComplete: boolean }

/** Returns the sessions that were revoked at `since` or later, up to `limit` of them. */
export async function listRevoked(
  db: D1Database,
  since: number,
  limit: number,
): Promise<RevokedList> {
  // One more than the limit tells that there are more. The marks are read in any case.
  const sql = `SELECT id FROM (SELECT id FROM sessions WHERE revoked_at >= ?1 LIMIT ?2 + 1)
    UNION ALL SELECT id FROM sessions WHERE user_id = ${NO_USER} AND created_at >= ?1`
  const rows = (await select<{ id: string }>(db, sql, [since, limit])).map(({ id }) => id)
  const times = rows.flatMap((id) => (id.startsWith(EVERYONE) ? Number(id.slice(1)) : []))
  const ids = rows.filter((id) => !id.startsWith(EVERYONE))
  return { ids, revokedBefore: Math.max(0, ...times), isComplete: rows.length <= limit }
}

/** Whether a session that began at `auth_time` is revoked, alone or with all others: two rows at most. */
export async function isRevoked(
  db: D1Database,
  { sid, auth_time }: { sid: string; auth_time: number },
): Promise<boolean> {
  const sql = `SELECT 1 FROM sessions WHERE id = ?1 AND revoked_at IS NOT NULL
    UNION ALL SELECT 1 FROM sessions WHERE user_id = ${NO_USER} AND created_at >= ?2 LIMIT 1`
  return (await select(db, sql, [sid, auth_time])).length > 0
}
