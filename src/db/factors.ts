// The tables `factors` and `recovery_codes`. Views and triggers in 0010_factors.sql hold most of their rules.

import { AppError } from '../errors.ts'
import { idsOf, prepare, runBatch, select } from './query.ts'

/** A row as it is stored. */
export type Factor = {
  id: string
  friendly_name: string
  status: 'unverified' | 'verified' | 'disabled'
  created_at: number
  sealed_seed: string
}

/** The id of a factor and the step of its code, or the hash of a recovery code, whose only step is 1. */
export type Proof = { id: string; step: number }
/** A session, and a factor of its user. */
export type Own = { sid: string; id: string }

/** Session ?1, at ?2. */
const OF_SESSION = 'factor_owners WHERE sid = ?1 AND expires_at > ?2'

/** Returns the user of a session. Throws `factor_required` if it has not shown the second factor that they have. */
export async function findOwner(db: D1Database, sid: string, now: number): Promise<number> {
  const sql = `SELECT user_id AS id FROM ${OF_SESSION}`
  const [owner] = await select<{ id: number }>(db, sql, [sid, now])
  if (owner) return owner.id
  throw new AppError('factor_required')
}

export const listFactors = (db: D1Database, userId: number): Promise<Factor[]> =>
  select(db, 'SELECT * FROM factors WHERE user_id = ?1 ORDER BY rowid', [userId])

/** Adds an unfinished factor instead of an earlier one. Throws `factor_required` or `too_many_factors`. */
export async function insertFactor(
  db: D1Database,
  { sid, id, name, sealedSeed }: Own & { name: string; sealedSeed: string },
  now: number,
): Promise<void> {
  const sql = `INSERT INTO factors (id, user_id, friendly_name, sealed_seed, created_at)
    SELECT ?3, user_id, ?4, ?5, ?2 FROM ${OF_SESSION} RETURNING id`
  const rows = await select(db, sql, [sid, now, id, name, sealedSeed])
  if (rows.length > 0) return
  await findOwner(db, sid, now) // meanwhile the session may have been revoked
  throw new AppError('too_many_factors')
}

/** ?3: the hashes as a JSON array. The earlier codes have just been deleted, if the session may replace them. */
const INSERT_CODES = `INSERT INTO recovery_codes (code_hash, user_id)
  SELECT value, user_id FROM json_each(?3), ${OF_SESSION} AND is_enrolled AND NOT has_codes`

/** The user of ?3, an unfinished factor, if it is that of the session. */
const ENROLLING = `(SELECT user_id FROM ${OF_SESSION} AND user_id =
  (SELECT user_id FROM factors WHERE id = ?3 AND verified_at IS NULL))`

/**
 * Completes an enrolment: revokes the user's other sessions, whose ids are returned, and replaces the recovery codes.
 * From then on the factor counts, and this session has shown it. Throws `not_found`.
 */
export async function verifyFactor(
  db: D1Database,
  { sid, id, step, hashes }: Own & { step: number; hashes: string[] },
  now: number,
): Promise<string[]> {
  const revoke = `UPDATE sessions SET revoked_at = ?2
    WHERE user_id = ${ENROLLING} AND id <> ?1 AND revoked_at IS NULL RETURNING id`
  const raise = `UPDATE sessions SET aal = 2 WHERE id = ?1 AND user_id = ${ENROLLING}`
  const verify = `UPDATE factors SET verified_at = ?2, last_step = ?4, verified_by = ?1
    WHERE id = ?3 AND user_id = ${ENROLLING} RETURNING id`
  const [revoked, , verified] = await runBatch(db, [
    prepare(db, revoke, [sid, now, id]),
    prepare(db, raise, [sid, now, id]),
    prepare(db, verify, [sid, now, id, step]), // last, because the others need it unfinished
    prepare(db, INSERT_CODES, [sid, now, JSON.stringify(hashes)]),
  ])
  if (verified?.results.length === 1) return idsOf(revoked)
  throw new AppError('not_found')
}

/** Throws `not_found` for a user without a factor. */
export async function replaceCodes(
  db: D1Database,
  { sid, hashes }: { sid: string; hashes: string[] },
  now: number,
): Promise<void> {
  const remove = `DELETE FROM recovery_codes WHERE user_id = (SELECT user_id FROM ${OF_SESSION})`
  const record = `INSERT INTO new_events (event, user_id, by_session)
    SELECT 'recovery_codes.created', user_id, sid FROM ${OF_SESSION} AND is_enrolled`
  const [, inserted] = await runBatch(db, [
    prepare(db, remove, [sid, now]),
    prepare(db, INSERT_CODES, [sid, now, JSON.stringify(hashes)]),
    prepare(db, record, [sid, now]),
  ])
  if (inserted?.meta.changes === 0) throw new AppError('not_found')
}

/** ?3: a factor of the session's user. */
const OWN_FACTOR = `FROM factors WHERE id = ?3 AND user_id = (SELECT user_id FROM ${OF_SESSION})`

/** Removes a factor. A trigger removes the recovery codes with the last one. Throws `not_found`. */
export async function deleteFactor(db: D1Database, { sid, id }: Own, now: number): Promise<void> {
  const record = `INSERT INTO new_events (event, user_id, by_session)
    SELECT 'factor.removed', user_id, ?1 ${OWN_FACTOR} AND verified_at IS NOT NULL`
  const [, deleted] = await runBatch(db, [
    prepare(db, record, [sid, now, id]),
    prepare(db, `DELETE ${OWN_FACTOR} RETURNING id`, [sid, now, id]),
  ])
  if (deleted?.results.length === 0) throw new AppError('not_found')
}

/** Returns how many recovery codes a user has, and how many are left. */
export async function countCodes(db: D1Database, userId: number) {
  const sql = 'SELECT total, remaining FROM code_counts WHERE user_id = ?1'
  const [count] = await select<{ total: number; remaining: number }>(db, sql, [userId])
  return { total: 0, remaining: 0, ...count }
}

/** Counts a wrong code for each factor of a user; returns whether that has disabled one. */
export async function countWrongCode(db: D1Database, userId: number): Promise<boolean> {
  const sql = `UPDATE factors SET wrong_codes = wrong_codes + 1
    WHERE user_id = ?1 AND status = 'verified' RETURNING status`
  const rows = await select<Pick<Factor, 'status'>>(db, sql, [userId])
  return rows.some(({ status }) => status === 'disabled')
}

/** Returns the statements that use up a proof, if session `sid` has started with it. */
export function useProof(db: D1Database, { sid, id, step }: Own & Proof, now: number) {
  // A right code ends the row of wrong ones in all apps: nobody says which app a wrong code was of.
  const accept = `UPDATE factors
    SET wrong_codes = 0, last_step = iif(id = ?1, max(last_step, ?2), last_step)
    WHERE user_id = (SELECT user_id FROM factors WHERE id = ?1) AND status = 'verified'
      AND user_id = (SELECT user_id FROM sessions WHERE id = ?3)`
  const use = `UPDATE recovery_codes SET used_at = ?2, used_by = ?3
    WHERE code_hash = ?1 AND used_at IS NULL
      AND user_id = (SELECT user_id FROM sessions WHERE id = ?3)`
  return [prepare(db, accept, [id, step, sid]), prepare(db, use, [id, now, sid])]
}
