// The `sessions` table: one function, one statement or one transaction.

import { type Proof, useProof } from './factors.ts'
import { clearFailures, type Counters, LOGIN_SECONDS, type Place } from './login-failures.ts'
import { change, idsOf, prepare, rowsOf, runBatch, select } from './query.ts'
import { NO_USER } from './session-revocation.ts'

/** A session with what its tokens contain. Times are Unix seconds. */
export type Session = {
  id: string
  username: string
  roles: string[]
  generation: number
  createdAt: number
  rotatedAt: number
  expiresAt: number
  /** The authenticator assurance level: 2 with a second factor (NIST SP 800-63B-4). */
  aal: number
  codesLeft?: number | null // recovery codes, after a login with one
}

type SessionRow = Omit<Session, 'roles'> & { roles: string }

const toSession = (row: SessionRow): Session => ({ ...row, roles: JSON.parse(row.roles) })

/** A session, and the lifetimes that are set now: they hold at once, also when they were lowered. */
type Lookup = { id: string; idleSeconds: number; maxSeconds: number }

/** The columns of SessionRow, with the user's current name and roles. */
const COLUMNS = `id, generation, aal, created_at AS createdAt, rotated_at AS rotatedAt,
  expires_at AS expiresAt,
  (SELECT username FROM users WHERE users.id = user_id) AS username,
  (SELECT roles FROM users WHERE users.id = user_id) AS roles`

const USER_MAY_LOG_IN =
  'EXISTS (SELECT 1 FROM users WHERE users.id = user_id AND disabled_at IS NULL)'

/** ?2, or the second after the last revocation of all sessions. */
const BEGUN = `max(?2, 1 + coalesce(
  (SELECT max(revoked_at) FROM sessions WHERE user_id = ${NO_USER}), 0))`

/**
 * `proof` is of a second factor. `clear` takes back the attempt that these counters counted. `first` are the statements
 * of a password change: the limit on logins was checked when its attempt was counted.
 */
export type Login = {
  user: { id: number; passwordHash: string }
  session: Lookup & Place & { logId: string; userAgent: string; maxSessions: number }
  proof?: Proof | undefined
  clear?: Counters | undefined
  first?: D1PreparedStatement[]
}

type Started = { session: Session; revoked: string[] }

/**
 * Starts a session of a user and revokes their oldest above `maxSessions`, in one transaction. It begins after
 * the last revocation of all sessions, also by a clock that is behind or in the same second. Returns
 * undefined when the user was disabled, their password was changed or they logged in too often since it was
 * checked, or a proof is missing.
 */
export async function insertSession(
  db: D1Database,
  { user, session, proof, clear, first = [] }: Login,
  now: number,
): Promise<Started | undefined> {
  const { id, logId, idleSeconds, maxSeconds, userAgent, address, country, maxSessions } = session
  const insert = `INSERT INTO sessions
      (id, user_id, created_at, rotated_at, expires_at, user_agent, country, aal, address, log_id)
    SELECT ?1, id, ${BEGUN}, ${BEGUN}, ?2 + min(?3, ?4), ?7, ?8, 1 + EXISTS (
      SELECT 1 FROM proofs WHERE proofs.id = ?9 AND user_id = users.id AND last_step < ?10), ?12, ?13
    FROM users
    WHERE id = ?5 AND password_hash = ?6 AND disabled_at IS NULL
      AND NOT (?11 AND EXISTS (
        SELECT 1 FROM login_limits WHERE user_id = ?5 AND hundredth_at > ?2 - ${LOGIN_SECONDS}))
    RETURNING ${COLUMNS}, (SELECT remaining - 1 FROM code_counts AS counts
      WHERE ?10 = 1 AND sessions.aal = 2 AND counts.user_id = sessions.user_id) AS codesLeft`
  const revokeOldest = `UPDATE sessions SET revoked_at = ?2 WHERE id IN (
      SELECT id FROM sessions
      WHERE user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2
      ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET ?3
    ) RETURNING id`
  const lifetimes = [idleSeconds, maxSeconds]
  const owner = [user.id, user.passwordHash, userAgent, country]
  const isLimited = Number(first.length === 0)
  const rest = [proof?.id ?? null, proof?.step ?? null, isLimited, address, logId]
  const results = await runBatch(db, [
    ...first,
    prepare(db, insert, [id, now, ...lifetimes, ...owner, ...rest]),
    prepare(db, revokeOldest, [user.id, now, maxSessions]),
    ...(clear ? clearFailures(db, { ...clear, sid: id }, now) : []),
    ...(proof?.step ? useProof(db, { ...proof, sid: id }, now) : []), // 0: of a session
  ])
  const inserted = results[first.length]
  const [started] = rowsOf<SessionRow>(inserted).map(toSession)
  const revoked = results.filter((result) => result !== inserted).flatMap(idsOf)
  return started && { session: started, revoked }
}

/** The session `sid` asks for it; `login` starts a new one with the new hash. */
type PasswordChange = { oldHash: string; sid: string; login: Login }

/**
 * Changes a user's password, revokes all of their sessions and starts a new one, with a second factor if the
 * old one had it, in one transaction. Returns undefined, and nothing is changed, when the password or the
 * session has changed in the meantime.
 */
export function changePasswordHash(
  db: D1Database,
  { oldHash, sid, login }: PasswordChange,
  now: number,
): Promise<Started | undefined> {
  const { id, passwordHash } = login.user
  const update = `UPDATE users SET password_hash = ?3, changed_by = ?4
    WHERE id = ?1 AND password_hash = ?2 AND disabled_at IS NULL AND EXISTS (
      SELECT 1 FROM sessions
      WHERE id = ?4 AND user_id = ?1 AND revoked_at IS NULL AND expires_at > ?5
        AND (aal = 2 OR NOT EXISTS (SELECT 1 FROM enrolled WHERE user_id = ?1)))`
  const revokeAll = `UPDATE sessions SET revoked_at = ?3
    WHERE user_id = ?1 AND revoked_at IS NULL
      AND EXISTS (SELECT 1 FROM users WHERE id = ?1 AND password_hash = ?2)
    RETURNING id`
  const first = [
    prepare(db, update, [id, oldHash, passwordHash, sid, now]),
    prepare(db, revokeAll, [id, passwordHash, now]),
  ]
  return insertSession(db, { ...login, proof: { id: sid, step: 0 }, first }, now)
}

/** `network` is a keyed hash of the network that asks. */
type Repeat = { generation: number; network: string }

const LIVE = `sessions.id = ?1 AND revoked_at IS NULL
  AND min(expires_at, rotated_at + ?3, sessions.created_at + ?4) > ?2`

/** Moves a live session to its next generation; returns undefined when it is not live or not at `generation`. */
export async function rotateSession(
  db: D1Database,
  { id, generation, network, idleSeconds, maxSeconds, address, country }: Lookup & Repeat & Place,
  now: number,
): Promise<Session | undefined> {
  const sql = `UPDATE sessions SET generation = generation + 1, rotated_at = ?2, network = ?6,
      expires_at = min(?2 + ?3, created_at + ?4), address = ?7, country = ?8
    WHERE ${LIVE} AND generation = ?5 AND ${USER_MAY_LOG_IN}
    RETURNING ${COLUMNS}`
  const values = [id, now, idleSeconds, maxSeconds, generation, network, address, country]
  return (await select<SessionRow>(db, sql, values)).map(toSession)[0]
}

/**
 * Whether the previous token of a live session may be repeated: from the network that refreshed it always, from
 * others `max` times in the session's life.
 */
export async function countRepeat(
  db: D1Database,
  { id, network }: { id: string; network: string },
  max: number,
): Promise<boolean> {
  const sql = `UPDATE sessions SET foreign_repeats = foreign_repeats + (network <> ?2)
    WHERE id = ?1 AND revoked_at IS NULL AND (network = ?2 OR foreign_repeats < ?3)`
  return (await change(db, sql, [id, network, max])) === 1
}

/** Returns a live session; undefined when it is revoked or expired, or its user may not log in. */
export async function findSession(
  db: D1Database,
  { id, idleSeconds, maxSeconds }: Lookup,
  now: number,
): Promise<Session | undefined> {
  const sql = `SELECT sessions.id, generation, sessions.created_at AS createdAt,
      rotated_at AS rotatedAt, aal, username, roles,
      min(expires_at, rotated_at + ?3, sessions.created_at + ?4) AS expiresAt
    FROM sessions JOIN users ON users.id = user_id
    WHERE ${LIVE} AND disabled_at IS NULL`
  const values = [id, now, idleSeconds, maxSeconds]
  return (await select<SessionRow>(db, sql, values)).map(toSession)[0]
}
