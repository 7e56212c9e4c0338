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

/** Revokes the other sessions of the user of session `ownId`; returns their ids. */
export async function markOthersRevoked(
  db: D1Database,
  ownId: string,
  now: number,
): Promise<string[]> {
  const sql = `UPDATE sessions SET revoked_at = ?2, revoked_by = ?1
    WHERE id <> ?1 AND revoked_at IS NULL AND expires_at > ?2
      AND user_id = (SELECT user_id FROM sessions WHERE id = ?1)
    RETURNING id`
  return (await select<{ id: string }>(db, sql, [ownId, now])).map(({ id }) => id)
}

/** A row whose id is this and a Unix time revokes every session that had started by then. */
export const EVERYONE = '*'
/** Belongs to no user: ids of users start at 1. */
export const NO_USER = 0

/** Session ids, and the Unix time up to which every session that had started is revoked. */
export type RevokedList = { ids: string[]; revokedBefore: number }

/** Returns the sessions that were revoked at `since` or later. */
export async function listRevoked(db: D1Database, since: number): Promise<RevokedList> {
  const sql = 'SELECT id FROM sessions WHERE revoked_at >= ?1'
  const rows = (await select<{ id: string }>(db, sql, [since])).map(({ id }) => id)
  const times = rows.flatMap((id) => (id.startsWith(EVERYONE) ? Number(id.slice(1)) : []))
  const ids = rows.filter((id) => !id.startsWith(EVERYONE))
  return { ids, revokedBefore: Math.max(0, ...times) }
}
