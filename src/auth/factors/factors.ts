// The second factor: codes of an authenticator app (TOTP), and recovery codes.

import * as db from '../../db/factors.ts'
import { type Counters, takeBackAttempt } from '../../db/login-failures.ts'
import type { User } from '../../db/users.ts'
import { AppError } from '../../errors.ts'
import type { Isolate } from '../../isolate.ts'
import { hashCode, randomCode, randomId, toBase32 } from '../encoding.ts'
import { openSeed, sealSeed } from '../keys/seal.ts'
import { findStep, parseOtp } from './totp.ts'

const SEED_LENGTH = 20 // 160 bits (RFC 4226 4)
const RECOVERY_CODES = 10
const LETTERS = 24 // 120 bits: above 112, SHA-256 is enough at rest (ASVS 6.5.2)

/**
 * Returns what proves the second factor of a user whose password is right, and undefined if they have none. The
 * session that it starts uses it up. Throws `otp_required`, which takes the attempt back but clears no failure, or
 * `otp_wrong`.
 */
export async function checkFactor(
  isolate: Isolate,
  { user, counters, otp }: { user: User; counters: Counters; otp?: string | undefined },
  now: number,
): Promise<db.Proof | undefined> {
  if (!user.isEnrolled) return undefined
  const { id: userId, username } = user
  if (otp === undefined) {
    await takeBackAttempt(isolate.db, counters)
    throw new AppError('otp_required', { username })
  }
  const code = parseOtp(otp)
  if (!code) return { id: await hashCode(otp), step: 1 }
  const factors = await db.listFactors(isolate.db, userId)
  const verified = factors.filter(({ status }) => status === 'verified')
  const problems: unknown[] = [] // of single seeds: the code may be of another app
  for (const factor of verified) {
    const found = findStepOf(isolate, { userId, factor, code }, now)
    const step = await found.catch((error: unknown) => void problems.push(error))
    if (step) return { id: factor.id, step }
  }
  const [problem] = problems
  if (problem && problems.length === verified.length) {
    await takeBackAttempt(isolate.db, counters) // nobody knows whether the code was wrong
    throw problem
  }
  const disabled = (await db.countWrongCode(isolate.db, userId)) && { event: 'factor.disabled' }
  if (problem && !disabled) throw problem
  throw new AppError('otp_wrong', { username, reason: 'wrong code', ...disabled })
}

type Guess = { userId: number; factor: db.Factor; code: string | undefined }

/** Returns the step of a code. Whether an earlier login has used it is checked where it is used up. */
async function findStepOf(isolate: Isolate, { userId, factor, code }: Guess, now: number) {
  const seed = await openSeed(await isolate.dataRing(), userId, factor.sealed_seed)
  return code === undefined ? undefined : findStep(seed, code, now)
}

type Enrolment = { sid: string; username: string; name: string }

/** Begins to enrol an authenticator app. Throws `factor_required`, `too_many_factors` or `keys_invalid`. */
export async function enrolFactor(
  isolate: Isolate,
  { sid, username, name }: Enrolment,
  now: number,
) {
  const userId = await db.findOwner(isolate.db, sid, now)
  const seed = crypto.getRandomValues(new Uint8Array(SEED_LENGTH))
  const sealedSeed = await sealSeed(await isolate.dataRing(), userId, seed)
  const id = randomId()
  await db.insertFactor(isolate.db, { sid, id, name, sealedSeed }, now)
  const secret = toBase32(seed)
  const [issuer, account] = [isolate.settings.JWT_ISSUER, username].map(encodeURIComponent)
  const uri = `otpauth://totp/${issuer}:${account}?secret=${secret}&issuer=${issuer}`
  return { id, totp: { secret, uri } }
}

/**
 * Completes an enrolment with a code of the app, revokes the user's other sessions and returns new recovery codes.
 * Throws `factor_required`, `not_found` or `code_invalid`.
 */
export async function verifyFactor(
  isolate: Isolate,
  { sid, id, otp }: db.Own & { otp: string },
  now: number,
): Promise<string[]> {
  const userId = await db.findOwner(isolate.db, sid, now)
  const factors = await db.listFactors(isolate.db, userId)
  const factor = factors.find((one) => one.id === id && one.status === 'unverified')
  if (!factor) throw new AppError('not_found')
  const step = await findStepOf(isolate, { userId, factor, code: parseOtp(otp) }, now)
  if (!step) throw new AppError('code_invalid', { error: { otp: ['Not a valid code.'] } })
  const { codes, hashes } = await createCodes()
  isolate.revokedSessions.add(await db.verifyFactor(isolate.db, { sid, id, step, hashes }, now))
  return codes
}

/** Replaces the recovery codes of the user of a session. Throws `not_found` for a user without a factor. */
export async function replaceCodes(isolate: Isolate, sid: string, now: number): Promise<string[]> {
  const { codes, hashes } = await createCodes()
  await db.replaceCodes(isolate.db, { sid, hashes }, now)
  return codes
}

async function createCodes(): Promise<{ codes: string[]; hashes: string[] }> {
  const codes = Array.from({ length: RECOVERY_CODES }, () => randomCode(LETTERS))
  return { codes, hashes: await Promise.all(codes.map(hashCode)) }
}

/** Removes a factor, and with the last one the recovery codes. Throws `not_found`. */
export const removeFactor = (isolate: Isolate, own: db.Own, now: number): Promise<void> =>
  db.deleteFactor(isolate.db, own, now)
