// The list of a user's sessions in the `sessions` table.

import type { SessionListResponse } from '../contract/responses.ts'
import { select } from './query.ts'

/** Whose sessions: those of user `userId`, by default of the user of session `sid`, which is the current one. */
type Owner = { sid: string; userId?: number } | { sid?: never; userId: number }
type Page = { limit: number; after?: string | undefined }
type Row = Omit<SessionListResponse['sessions'][number], 'current'> & { current: number }

/**
 * Returns a page of a user's live sessions, newest first, and `after` of the next page. The refresh of the current
 * one is rounded down to the hour: a thief who knew when its owner refreshes could stay within the grace.
 */
export async function listSessions(
  db: D1Database,
  { userId, sid = '', limit, after }: Owner & Page,
  now: number,
): Promise<SessionListResponse> {
  const [createdAt = '', id = ''] = after?.split('.') ?? []
  const sql = `SELECT id, created_at,
      iif(id = ?1, max(created_at, rotated_at - rotated_at % 3600), rotated_at) AS refreshed_at,
      expires_at, user_agent, country, id = ?1 AS current
    FROM sessions
    WHERE user_id = coalesce(?6, (SELECT user_id FROM sessions WHERE id = ?1))
      AND revoked_at IS NULL AND expires_at > ?2
      AND (?3 = '' OR (created_at, rowid) < (CAST(?3 AS INTEGER),
        coalesce((SELECT rowid FROM sessions WHERE id = ?4), 0)))
    ORDER BY created_at DESC, rowid DESC LIMIT ?5`
  const rows = await select<Row>(db, sql, [sid, now, createdAt, id, limit + 1, userId ?? null])
  const sessions = rows.slice(0, limit).map((row) => ({ ...row, current: row.current === 1 }))
  const last = rows.length > limit ? sessions.at(-1) : undefined
  return { sessions, next: last ? `${last.created_at}.${last.id}` : null }
}
