// Users: added, changed and removed by an admin, or by themselves when they sign up.

import type { Config } from '../config.ts'
import type { Session } from '../db/sessions.ts'
import {
  type Changed,
  changeUser,
  deleteUser,
  type NotChanged,
  type UserChange,
} from '../db/user-changes.ts'
import { findUser, insertUser, type User } from '../db/users.ts'
import { AppError } from '../errors.ts'
import { argon2id } from './passwords/argon2.ts'
import { countSignUp, inLine } from './brute-force.ts'
import { newPasswordProblem } from './passwords/rules.ts'
import { hashPassword } from './passwords/hash.ts'
import { feedOf, type Origin, startSession } from './sessions/sessions.ts'
import { usernameProblem } from './usernames.ts'

type NewUser = { username: string; password: string; roles: string[] }

/** Adds a user. Throws `input_invalid` with what is wrong of each field, `username_taken` or `busy`. */
export async function addUser(config: Config, user: NewUser, now: number): Promise<User> {
  const fit = await requireFit(config, user)
  return inLine(() => insert(config, fit, now))
}

/** Adds a user without roles, and starts their first session. Throws as `addUser` does, and `too_many_tries`. */
export async function signUp(
  config: Config,
  credentials: { username: string; password: string },
  origin: Origin,
  now: number,
): Promise<Session> {
  const fit = await requireFit(config, { ...credentials, roles: [] })
  return inLine(async () => {
    await countSignUp(config, fit.username, origin.address, now)
    return startSession(config, await insert(config, fit, now), origin, now, [])
  })
}

/** The user of this name, or `not_found`. */
export async function requireUser(config: Config, username: string): Promise<User> {
  const user = await findUser(config.DB, username)
  if (!user) throw new AppError('not_found', 'no such user')
  return user
}

/**
 * Changes a user and ends their sessions; an empty change does only that. Throws `not_found`,
 * `last_admin`, `input_invalid` or `busy`.
 */
export async function updateUser(
  config: Config,
  username: string,
  { password, ...change }: { password?: string | undefined } & Omit<UserChange, 'passwordHash'>,
  now: number,
): Promise<User> {
  const apply = async (passwordHash?: string) =>
    settle(config, await changeUser(config.DB, username, { ...change, passwordHash }, now, KEEP))
  if (password === undefined) return apply()
  refuse({ password: await passwordFault(config, username, password) })
  return inLine(() => apply(hashPassword(password, argon2id)))
}

/** Removes a user and ends their sessions. Throws `not_found` or `last_admin`. */
export async function removeUser(config: Config, username: string, now: number): Promise<User> {
  return settle(config, await deleteUser(config.DB, username, now, KEEP))
}

/** Over HTTP an admin always remains; the command line, which needs none, may remove them all. */
const KEEP = { keepAdmin: true }

function settle(config: Config, changed: Changed | NotChanged): User {
  if (changed === 'no_user') throw new AppError('not_found', 'no such user')
  if (changed === 'last_admin') throw new AppError('last_admin', 'no admin would be left')
  feedOf(config).note(changed.ended)
  return changed.user
}

async function requireFit(config: Config, user: NewUser): Promise<NewUser> {
  const username = user.username.normalize('NFC')
  refuse({
    username: usernameProblem(username),
    password: await passwordFault(config, username, user.password),
  })
  return { ...user, username }
}

const passwordFault = (config: Config, username: string, password: string) =>
  newPasswordProblem(config.DB, password, { username, minLength: config.PASSWORD_MIN_LENGTH })

function refuse(problems: Record<string, string | undefined>): void {
  const errors = Object.entries(problems).flatMap(([field, text]) =>
    text ? [[field, [text]]] : [],
  )
  if (errors.length === 0) return
  throw new AppError('input_invalid', 'new user', { error: Object.fromEntries(errors) })
}

async function insert(config: Config, { password, ...user }: NewUser, now: number): Promise<User> {
  const passwordHash = hashPassword(password, argon2id)
  const added = await insertUser(config.DB, { ...user, passwordHash }, now)
  if (added) return added
  throw new AppError('username_taken', 'taken', { error: { username: ['Is taken already.'] } })
}
