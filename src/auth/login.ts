// Logging in, and changing one's password: a password checked against the database.

import { type Counters, takeBackAttempt } from '../db/login-failures.ts'
import { changePasswordHash, type Session } from '../db/sessions.ts'
import { findUser, replacePasswordHash, type User } from '../db/users.ts'
import { AppError } from '../errors.ts'
import type { Isolate } from '../isolate.ts'
import { recordAttempt } from './brute-force.ts'
import { checkFactor } from './factors/factors.ts'
import { withHashSlot } from './hash-slot.ts'
import { hashPassword, verifyPassword } from './passwords/hash.ts'
import { validateNewPassword } from './passwords/rules.ts'
import {
  type ClientInfo,
  requireLiveSession,
  startSession,
  toNewSession,
} from './sessions/sessions.ts'
import { throwFieldErrors } from './users.ts'

type Credentials = { username: string; password: string; client: ClientInfo }
type LoginInput = Credentials & { otp?: string | undefined }

/**
 * Starts a session for the user with these credentials. One hash is computed whether or not the user
 * exists or is disabled, so that the time reveals nothing (ASVS 6.3.8). A second factor is looked at only after
 * the right password. Throws `bad_credentials`, `otp_required`, `otp_wrong`, `too_many_attempts` or `busy`.
 */
export function logIn(isolate: Isolate, input: LoginInput, now: number): Promise<Session> {
  return withHashSlot(async () => {
    const { user: found, counters } = await recordAttempt(isolate, input, now)
    const user = await checkPassword(isolate, found, input.password)
    const login = {
      user,
      client: input.client,
      clear: counters,
      proof: await checkFactor(isolate, { ...input, user, counters }, now),
    }
    return startSession(isolate, login, now)
  })
}

/** Throws `bad_credentials`. Replaces a hash whose parameters are not today's. */
async function checkPassword(
  isolate: Isolate,
  user: User | undefined,
  password: string,
): Promise<User> {
  const { db, argon2id } = isolate
  const { matches, needsRehash } = verifyPassword(user?.passwordHash, password, argon2id)
  if (!user) throw new AppError('bad_credentials', { reason: 'no such user' })
  const { username } = user
  if (!matches) throw new AppError('bad_credentials', { reason: 'wrong password', username })
  if (user.disabledAt !== null)
    throw new AppError('bad_credentials', { reason: 'user is disabled', username })
  if (!needsRehash) return user
  const passwordHash = hashPassword(password, argon2id)
  if (await replacePasswordHash(db, user, passwordHash)) return { ...user, passwordHash }
  // Another login of this user has rehashed it meanwhile, or the password was changed.
  return checkPassword(isolate, await findUser(db, username), password)
}

const FRESH_SECONDS = 900

/**
 * Throws `token_not_fresh`: the new session of a password change is fresh, and nobody asks for a code again. The
 * password was right, so the attempt is taken back.
 */
async function requireFreshFactor(
  isolate: Isolate,
  { counters, ...own }: { sid: string; sub: string; counters: Counters },
  now: number,
): Promise<void> {
  const { createdAt } = await requireLiveSession(isolate, own, now)
  if (now - createdAt <= FRESH_SECONDS) return
  await takeBackAttempt(isolate.db, counters)
  throw new AppError('token_not_fresh', { maxAgeSeconds: FRESH_SECONDS })
}

/** `sid` is the session that asks. */
type PasswordChange = Omit<Credentials, 'password'> & { sid: string; current: string; next: string }

/**
 * Changes a user's password, which is counted like a login, revokes all of their sessions and returns a new one.
 * Throws `input_invalid` or `password_wrong` with the field that is wrong, `token_revoked`,
 * `token_not_fresh` for users with a second factor, `too_many_attempts` or `busy`.
 */
export async function changePassword(
  isolate: Isolate,
  { username, sid, client, current, next }: PasswordChange,
  now: number,
): Promise<Session> {
  const { db, argon2id } = isolate
  throwFieldErrors({ new_password: await validateNewPassword(isolate, next, username) })
  return withHashSlot(async () => {
    const { user, counters } = await recordAttempt(isolate, { username, client }, now)
    const { matches } = verifyPassword(user?.passwordHash, current, argon2id)
    if (!user || !matches) {
      const error = { current_password: ['Wrong password.'] }
      const reason = 'wrong current password'
      throw new AppError('password_wrong', { reason, error, username })
    }
    if (user.isEnrolled) await requireFreshFactor(isolate, { sid, sub: username, counters }, now)
    const changed = { id: user.id, passwordHash: hashPassword(next, argon2id) }
    const session = await toNewSession(isolate, client)
    const login = { user: changed, session, clear: counters }
    const change = { oldHash: user.passwordHash, sid, login }
    const started = await changePasswordHash(db, change, now)
    if (!started) throw new AppError('token_revoked', { reason: 'changed meanwhile', sid })
    isolate.revokedSessions.add(started.revoked)
    return started.session
  })
}
