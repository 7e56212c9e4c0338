// Checking a username and a password against the database.

import { findUser, replacePasswordHash, type User } from '../db/users.ts'
import { AppError } from '../errors.ts'
import { argon2id } from './argon2.ts'
import { hashPassword, verifyPassword } from './passwords.ts'

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
  if (outdated) await replacePasswordHash(db, user, hashPassword(credentials.password, argon2id))
  return user
}
