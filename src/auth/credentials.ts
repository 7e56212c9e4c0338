// Checking and changing passwords against the database.

import type { Config } from '../config.ts'
import { isCommonPassword } from './common-passwords.ts'
import { changePasswordHash, findUser, replacePasswordHash, type User } from '../db/users.ts'
import { AppError } from '../errors.ts'
import { argon2id } from './argon2.ts'
import { hashPassword, passwordProblem, verifyPassword } from './passwords.ts'
import { feedOf } from './sessions.ts'

/**
 * The user with these credentials. One hash is computed whether or not the user exists or is
 * disabled, so that the time does not tell (ASVS 6.3.8). A hash of another cost is replaced.
 * Throws `bad_credentials`.
 */
export async function checkCredentials(
  db: D1Database,
  credentials: { username: string; password: string },
): Promise<User> {
  const user = await findUser(db, credentials.username.normalize('NFC'))
  const { matches, outdated } = verifyPassword(user?.passwordHash, credentials.password, argon2id)
  if (!user) throw new AppError('bad_credentials', 'no such user')
  if (!matches) throw new AppError('bad_credentials', 'wrong password')
  if (user.disabledAt !== null) throw new AppError('bad_credentials', 'user is disabled')
  if (!outdated) return user
  const passwordHash = hashPassword(credentials.password, argon2id)
  await replacePasswordHash(db, user, passwordHash)
  return { ...user, passwordHash }
}

/**
 * Changes the password of the user behind a token, who shows the current one again, and ends their
 * other sessions. Throws `input_invalid` with the field that is wrong.
 */
export async function changePassword(
  config: Config,
  { sub, sid }: { sub: string; sid: string },
  { current, next }: { current: string; next: string },
  now: number,
): Promise<void> {
  const rule = { username: sub, minLength: config.PASSWORD_MIN_LENGTH }
  const problem = passwordProblem(next, rule)
  if (problem) throw fieldError('new_password', problem)
  if (await isCommonPassword(config.DB, next))
    throw fieldError('new_password', 'Is a common password.')
  const user = await findUser(config.DB, sub)
  const { matches } = verifyPassword(user?.passwordHash, current, argon2id)
  if (!user || !matches) throw fieldError('current_password', 'Wrong password.')
  const passwordHash = hashPassword(next, argon2id)
  const ended = await changePasswordHash(config.DB, user, { sid, passwordHash }, now)
  if (!ended)
    throw new AppError('token_revoked', 'the session or the password has changed meanwhile')
  feedOf(config).note(ended)
}

const fieldError = (field: string, text: string) =>
  new AppError('input_invalid', text, { fields: { [field]: [text] } })
