// Checking and changing passwords against the database.

import type { Config } from '../config.ts'
import { takeBackTry } from '../db/login-failures.ts'
import type { Session } from '../db/sessions.ts'
import { changePasswordHash, replacePasswordHash, type User } from '../db/users.ts'
import { AppError } from '../errors.ts'
import { argon2id } from './passwords/argon2.ts'
import { inLine, openTry } from './brute-force.ts'
import { newPasswordProblem } from './passwords/rules.ts'
import { hashPassword, verifyPassword } from './passwords/hash.ts'
import { feedOf, type Origin, startSession } from './sessions/sessions.ts'

/**
 * Starts a session for the user with these credentials. One hash is computed whether or not the user
 * exists or is disabled, so that the time does not tell (ASVS 6.3.8). Throws `bad_credentials`,
 * `too_many_tries` or `busy`.
 */
export function logIn(
  config: Config,
  credentials: { username: string; password: string },
  origin: Origin,
  now: number,
): Promise<Session> {
  return inLine(async () => {
    const username = credentials.username.normalize('NFC')
    const { user, counters } = await openTry(config, username, origin.address, now)
    const checked = await checkPassword(config.DB, user, credentials.password)
    const takeBack = takeBackTry(config.DB, counters)
    return startSession(config, checked, origin, now, takeBack)
  })
}

/** A hash of another cost than today's is replaced. */
async function checkPassword(
  db: D1Database,
  user: User | undefined,
  password: string,
): Promise<User> {
  const { matches, outdated } = verifyPassword(user?.passwordHash, password, argon2id)
  if (!user) throw new AppError('bad_credentials', 'no such user')
  const { username } = user
  if (!matches) throw new AppError('bad_credentials', 'wrong password', { username })
  if (user.disabledAt !== null)
    throw new AppError('bad_credentials', 'user is disabled', { username })
  if (!outdated) return user
  const passwordHash = hashPassword(password, argon2id)
  await replacePasswordHash(db, user, passwordHash)
  return { ...user, passwordHash }
}

/**
 * Changes the password of the user behind a token, who shows the current one again, and ends their
 * other sessions. Throws `input_invalid` or `password_wrong` with the field that is wrong, and
 * what a log-in throws.
 */
export async function changePassword(
  config: Config,
  { sub: username, sid, address }: { sub: string; sid: string; address: string },
  { current, next }: { current: string; next: string },
  now: number,
): Promise<void> {
  const rules = { username, minLength: config.PASSWORD_MIN_LENGTH }
  const problem = await newPasswordProblem(config.DB, next, rules)
  if (problem)
    throw new AppError('input_invalid', 'new password', { error: { new_password: [problem] } })
  await inLine(async () => {
    const { user, counters } = await openTry(config, username, address, now)
    const { matches } = verifyPassword(user?.passwordHash, current, argon2id)
    if (!user || !matches)
      throw new AppError('password_wrong', 'wrong current password', {
        error: { current_password: ['Wrong password.'] },
        username,
      })
    const passwordHash = hashPassword(next, argon2id)
    const takeBack = takeBackTry(config.DB, counters)
    const change = { sid, passwordHash }
    const ended = await changePasswordHash(config.DB, user, change, now, takeBack)
    if (!ended) throw new AppError('token_revoked', 'session or password changed meanwhile')
    feedOf(config).note(ended)
  })
}
