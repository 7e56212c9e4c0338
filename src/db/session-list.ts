// The list of a user's sessions in the `sessions` table.

import { select } from './query.ts'
import type { Session } from './sessions.ts'

/** A session as a list shows it. */
export type SessionEntry = Pick<Session, 'id' | 'createdAt' | 'rotatedAt' | 'expiresAt'> & {
  userAgent: string
  country: string
}

/** Whose sessions: by the user's id, or by one of their sessions. */
type SessionOwner = { userId: number; sid?: never } | { sid: string; userId?: never }
type Page = { limit: number; after?: string | undefined }

/** Returns a page of a user's live sessions, newest first, and `after` of the next page. */
export async function listSessions(
  db: D1Database,
  { userId, sid, limit, after }: SessionOwner & Page,
  now: number,
): Promise<{ entries: SessionEntry[]; next: string | null }> {
  const [createdAt = '', id = ''] = after?.split('.') ?? []
  const sql = `SELECT id, created_at AS createdAt, rotated_at AS rotatedAt, expires_at AS expiresAt,
      user_agent AS userAgent, country
    FROM sessions
    WHERE user_id = coalesce(?6, (SELECT user_id FROM sessions WHERE id = ?1))
      AND revoked_at IS NULL AND expires_at > ?2
      AND (?3 = '' OR (created_at, rowid) < (CAST(?3 AS INTEGER),
        coalesce((SELECT rowid FROM sessions WHERE id = ?4), 0)))
    ORDER BY created_at DESC, rowid DESC LIMIT ?5`
  const values = [sid ?? '', now, createdAt, id, limit + 1, userId ?? null]
  const rows = await select<SessionEntry>(db, sql, values)
  const entries = rows.slice(0, limit)
  const last = rows.length > limit ? entries.at(-1) : undefined
  return { entries, next: last ? `${last.createdAt}.${last.id}` : null }
}
