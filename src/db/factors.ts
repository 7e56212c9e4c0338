// The `factors` and `recovery_codes` tables: second factors, and what replaces them once.

import { idsOf, prepare, runBatch, select } from './query.ts'

export type Factor = {
  id: string
  friendlyName: string
  sealedSeed: string
  lastStep: number
  createdAt: number
  status: 'unverified' | 'verified' | 'disabled'
}

/** The id of a factor and the step of its code, or the hash of a recovery code, whose only step is 1. */
export type Proof = { id: string; step: number }

/** Wrong codes in a row that disable a factor (NIST SP 800-63B-4 3.2.2). */
const MAX_WRONG_CODES = 100
const MAX_FACTORS = 10

/** The user of the live session ?1 at ?2 who, with a second factor, has shown it in this session. */
const OWNER = `(SELECT user_id FROM sessions JOIN users ON users.id = user_id
  WHERE sessions.id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND disabled_at IS NULL
    AND (aal = 2 OR NOT EXISTS (SELECT 1 FROM enrolled WHERE user_id = users.id)))`

export type Own = { sid: string; id: string }

/** Returns the id of the user of a session who may see and change their factors. */
export async function findOwner(
  db: D1Database,
  sid: string,
  now: number,
): Promise<number | undefined> {
  return (
    (await select<{ id: number | null }>(db, `SELECT ${OWNER} AS id`, [sid, now]))[0]?.id ??
    undefined
  )
}

export const listFactors = (db: D1Database, userId: number): Promise<Factor[]> =>
  select(
    db,
    `SELECT id, friendly_name AS friendlyName, sealed_seed AS sealedSeed, last_step AS lastStep,
       created_at AS createdAt, iif(verified_at IS NULL, 'unverified', iif(disabled_at IS NULL, 'verified', 'disabled')) AS status
     FROM factors WHERE user_id = ?1 ORDER BY created_at`,
    [userId],
  )

/** Adds an unfinished factor instead of an earlier one; returns false when there are too many. */
export async function insertFactor(
  db: D1Database,
  { sid, id, friendlyName, sealedSeed }: Own & Pick<Factor, 'friendlyName' | 'sealedSeed'>,
  now: number,
): Promise<boolean> {
  const insert = `INSERT INTO factors (id, user_id, friendly_name, sealed_seed, created_at)
    SELECT ?3, users.id, ?4, ?5, ?2 FROM users WHERE users.id = ${OWNER}
      AND (SELECT count(*) FROM factors WHERE user_id = users.id) < ${MAX_FACTORS}`
  const [, inserted] = await runBatch(db, [
    prepare(db, `DELETE FROM factors WHERE user_id = ${OWNER} AND verified_at IS NULL`, [sid, now]),
    prepare(db, insert, [sid, now, id, friendlyName, sealedSeed]),
  ])
  return inserted?.meta.changes === 1
}

/** Replaces the recovery codes of a user, an SQL expression, by those whose hashes are ?3, a JSON array. */
const replaceCodes = (db: D1Database, user: string, values: (string | number)[]) => [
  prepare(
    db,
    `INSERT INTO recovery_codes (code_hash, user_id)
     SELECT value, users.id FROM users, json_each(?3) WHERE users.id = ${user}`,
    values,
  ),
  prepare(
    db,
    `DELETE FROM recovery_codes
     WHERE user_id = ${user} AND code_hash NOT IN (SELECT value FROM json_each(?3))`,
    values,
  ),
]

/**
 * Completes an enrolment: replaces the recovery codes, revokes the user's other sessions, whose ids are returned, and
 * from then on the factor counts, also for this session. Returns undefined, and changes nothing, if it may not.
 */
export async function verifyFactor(
  db: D1Database,
  { sid, id, step, hashes }: Own & { step: number; hashes: string[] },
  now: number,
): Promise<string[] | undefined> {
  const user = `(SELECT user_id FROM factors WHERE id = ?4 AND verified_at IS NULL AND user_id = ${OWNER})`
  const values = [sid, now, JSON.stringify(hashes), id]
  const revoke = `UPDATE sessions SET revoked_at = ?2
    WHERE user_id = ${user} AND id <> ?1 AND revoked_at IS NULL RETURNING id`
  const update = `UPDATE factors SET verified_at = ?2, last_step = ?5
    WHERE id = ?4 AND user_id = ${user}`
  const [, , revoked, , verified] = await runBatch(db, [
    ...replaceCodes(db, user, values),
    prepare(db, revoke, values),
    prepare(db, `UPDATE sessions SET aal = 2 WHERE id = ?1 AND user_id = ${user}`, values),
    prepare(db, update, [...values, step]), // last, because the others need it unfinished
  ])
  return verified?.meta.changes === 1 ? idsOf(revoked) : undefined
}

/** Returns false for a user without a factor, or one whose session has not shown it. */
export async function replaceOwnCodes(
  db: D1Database,
  { sid, hashes }: { sid: string; hashes: string[] },
  now: number,
): Promise<boolean> {
  const user = `(SELECT user_id FROM enrolled WHERE user_id = ${OWNER})`
  const [inserted] = await runBatch(db, replaceCodes(db, user, [sid, now, JSON.stringify(hashes)]))
  return inserted?.meta.changes === hashes.length
}

/** Removes a factor. A trigger removes the recovery codes with the last one. */
export const deleteFactor = async (
  db: D1Database,
  { sid, id }: Own,
  now: number,
): Promise<boolean> =>
  (
    await select(db, `DELETE FROM factors WHERE id = ?3 AND user_id = ${OWNER} RETURNING id`, [
      sid,
      now,
      id,
    ])
  ).length === 1

const COUNT_CODES = `SELECT count(*) AS total, count(*) FILTER (WHERE used_at IS NULL) AS remaining
  FROM recovery_codes WHERE user_id = ?1`
export type CodeCount = { total: number; remaining: number }

export const countCodes = async (db: D1Database, userId: number): Promise<CodeCount> =>
  (await select<CodeCount>(db, COUNT_CODES, [userId]))[0] ?? { total: 0, remaining: 0 }

/** Counts a wrong code for each factor of a user; returns whether that has disabled one. */
export async function countWrongCode(
  db: D1Database,
  userId: number,
  now: number,
): Promise<boolean> {
  const sql = `UPDATE factors SET wrong_codes = wrong_codes + 1,
      disabled_at = iif(wrong_codes + 1 < ${MAX_WRONG_CODES}, NULL, ?2)
    WHERE user_id = ?1 AND verified_at IS NOT NULL AND disabled_at IS NULL
    RETURNING disabled_at AS disabledAt`
  const rows = await select<{ disabledAt: number | null }>(db, sql, [userId, now])
  return rows.some(({ disabledAt }) => disabledAt !== null)
}

/** Returns the statements that use up a proof, if session `sid` has started with it; the last is a CodeCount. */
export const useProof = (
  db: D1Database,
  { sid, userId, id, step }: Proof & { sid: string; userId: number },
  now: number,
): D1PreparedStatement[] => {
  const started = 'EXISTS (SELECT 1 FROM sessions WHERE id = ?3)'
  const accept = `UPDATE factors SET last_step = ?2, wrong_codes = 0
    WHERE id = ?1 AND last_step < ?2 AND ${started}`
  const use = `UPDATE recovery_codes SET used_at = ?2
    WHERE code_hash = ?1 AND used_at IS NULL AND ${started}`
  return [
    prepare(db, accept, [id, step, sid]),
    prepare(db, use, [id, now, sid]),
    prepare(db, COUNT_CODES, [userId]),
  ]
}
