// The `sessions` table: one function, one statement or one transaction.

import { idsOf, run, runBatch } from './query.ts'

/** A session as its tokens are made from it. */
export type Session = {
  id: string
  username: string
  roles: string[]
  generation: number
  createdAt: number
  rotatedAt: number
  expiresAt: number
}

type SessionRow = {
  id: string
  username: string
  roles: string
  generation: number
  created_at: number
  rotated_at: number
  expires_at: number
}

const toSession = (row: SessionRow): Session => ({
  id: row.id,
  username: row.username,
  roles: JSON.parse(row.roles),
  generation: row.generation,
  createdAt: row.created_at,
  rotatedAt: row.rotated_at,
  expiresAt: row.expires_at,
})

/** The columns of SessionRow; the user's are read anew, so that a refresh sees them as they are now. */
const COLUMNS = `id, generation, created_at, rotated_at, expires_at,
  (SELECT username FROM users WHERE users.id = user_id) AS username,
  (SELECT roles FROM users WHERE users.id = user_id) AS roles`

const USER_MAY_LOG_IN =
  'EXISTS (SELECT 1 FROM users WHERE users.id = user_id AND disabled_at IS NULL)'

export type NewSession = {
  id: string
  userAgent: string
  country: string
  createdAt: number
  expiresAt: number
}

/**
 * Starts a session of a user, unless they were disabled or their password has changed since it was
 * checked, and ends their oldest above `maxSessions`. Gives back the user's roles as they are by then,
 * and what was ended; or undefined. `also` stands in the same transaction.
 */
export async function insertSession(
  db: D1Database,
  user: { id: number; passwordHash: string },
  session: NewSession,
  maxSessions: number,
  also: D1PreparedStatement[],
): Promise<{ roles: string[]; ended: string[] } | undefined> {
  const [inserted, ended] = await runBatch(db, [
    db
      .prepare(
        `INSERT INTO sessions
           (id, user_id, created_at, rotated_at, expires_at, user_agent, country)
         SELECT ?1, id, ?4, ?4, ?5, ?6, ?7 FROM users
         WHERE id = ?2 AND password_hash = ?3 AND disabled_at IS NULL
         RETURNING (SELECT roles FROM users WHERE users.id = user_id) AS roles`,
      )
      .bind(
        session.id,
        user.id,
        user.passwordHash,
        session.createdAt,
        session.expiresAt,
        session.userAgent,
        session.country,
      ),
    db
      .prepare(
        `UPDATE sessions SET revoked_at = ?2 WHERE id IN (
           SELECT id FROM sessions
           WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2
           ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?3
         ) RETURNING id`,
      )
      .bind(user.id, session.createdAt, maxSessions),
    ...also,
  ])
  const [row] = (inserted?.results ?? []) as { roles: string }[]
  return row && { roles: JSON.parse(row.roles), ended: idsOf(ended) }
}

/** Moves a live session by one generation; undefined when it is not live or not at `generation`. */
export async function rotateSession(
  db: D1Database,
  { id, generation }: { id: string; generation: number },
  limits: { idleSeconds: number; maxSeconds: number },
  now: number,
): Promise<Session | undefined> {
  const { results } = await run<SessionRow>(
    db
      .prepare(
        `UPDATE sessions SET generation = generation + 1, rotated_at = ?3,
           expires_at = min(?3 + ?4, created_at + ?5)
         WHERE id = ?1 AND generation = ?2 AND revoked_at IS NULL AND expires_at > ?3
           AND ${USER_MAY_LOG_IN}
         RETURNING ${COLUMNS}`,
      )
      .bind(id, generation, now, limits.idleSeconds, limits.maxSeconds),
  )
  return results[0] && toSession(results[0])
}

/** A live session; undefined when it has ended or its user may not log in. */
export async function findSession(
  db: D1Database,
  id: string,
  now: number,
): Promise<Session | undefined> {
  const { results } = await run<SessionRow>(
    db
      .prepare(
        `SELECT ${COLUMNS} FROM sessions
         WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND ${USER_MAY_LOG_IN}`,
      )
      .bind(id, now),
  )
  return results[0] && toSession(results[0])
}

/** A session as its user is shown it. */
export type SessionEntry = {
  id: string
  created_at: number
  refreshed_at: number
  expires_at: number
  user_agent: string
  country: string
}

/** The live sessions of a user, or of the user of session `sid`: newest first, and where the next page begins. */
export async function listSessions(
  db: D1Database,
  { userId, sid }: { userId: number; sid?: never } | { sid: string; userId?: never },
  { limit, after }: { limit: number; after?: string | undefined },
  now: number,
): Promise<{ rows: SessionEntry[]; next: string | null }> {
  const [createdAt = '', id = ''] = after?.split('.') ?? []
  const { results } = await run<SessionEntry>(
    db
      .prepare(
        `SELECT id, created_at, rotated_at AS refreshed_at, expires_at, user_agent, country
         FROM sessions
         WHERE user_id = coalesce(?6, (SELECT user_id FROM sessions WHERE id = ?1))
           AND revoked_at IS NULL AND expires_at > ?2
           AND (?3 = '' OR (created_at, id) < (CAST(?3 AS INTEGER), ?4))
         ORDER BY created_at DESC, id DESC LIMIT ?5`,
      )
      .bind(sid ?? '', now, createdAt, id, limit + 1, userId ?? null),
  )
  const rows = results.slice(0, limit)
  const last = results.length > limit ? rows.at(-1) : undefined
  return { rows, next: last ? `${last.created_at}.${last.id}` : null }
}

/** Deletes up to `limit` sessions that have expired or were revoked before these times; how many. */
export async function deleteSessions(
  db: D1Database,
  before: { expiredAt: number; revokedAt: number },
  limit: number,
): Promise<number> {
  const { meta } = await run(
    db
      .prepare(
        `DELETE FROM sessions WHERE rowid IN (
           SELECT rowid FROM sessions WHERE expires_at < ?1
           UNION ALL SELECT rowid FROM sessions WHERE revoked_at < ?2
           LIMIT ?3
         )`,
      )
      .bind(before.expiredAt, before.revokedAt, limit),
  )
  return meta.changes
}
