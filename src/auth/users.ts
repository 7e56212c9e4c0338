// Users: created, changed and removed by an admin, or created by themselves when they sign up.

import type { UserResponse } from '../contract/responses.ts'
import type { Session } from '../db/sessions.ts'
import * as changes from '../db/user-changes.ts'
import { findUser, type User } from '../db/users.ts'
import { AppError } from '../errors.ts'
import type { Isolate } from '../isolate.ts'
import { recordSignUp } from './brute-force.ts'
import { withHashSlot } from './hash-slot.ts'
import { hashPassword } from './passwords/hash.ts'
import { validateNewPassword } from './passwords/rules.ts'
import { type ClientInfo, startSession } from './sessions/sessions.ts'
import { validateOwnUsername, validateUsername } from './usernames.ts'

/** Returns what is shown of a user. */
export const toUserResponse = ({ username, roles, createdAt, disabledAt }: User): UserResponse => ({
  username,
  roles,
  created_at: createdAt,
  disabled_at: disabledAt,
})

type NewUser = Omit<changes.NewUser, 'passwordHash'> & { password: string }

/**
 * Creates a user. Throws `input_invalid` with every field that is wrong, `username_taken` or `busy`, and
 * `token_revoked` when the acting admin has lost that role.
 */
export async function createUser(isolate: Isolate, user: NewUser, now: number): Promise<User> {
  await validateNewUser(isolate, user)
  return withHashSlot(() => insertNewUser(isolate, user, now))
}

/**
 * Creates a user without roles and starts their first session. Throws as `createUser` does, and
 * `too_many_attempts`.
 */
export async function signUp(
  isolate: Isolate,
  { username, password, client }: { username: string; password: string; client: ClientInfo },
  now: number,
): Promise<Session> {
  const user = { username, password, roles: [], isSignUp: true }
  await validateNewUser(isolate, user)
  return withHashSlot(async () => {
    await recordSignUp(isolate, { username, client }, now)
    return startSession(isolate, { user: await insertNewUser(isolate, user, now), client }, now)
  })
}

/** Returns the user of this name. Throws `not_found`. */
export async function requireUser({ db }: Isolate, username: string): Promise<User> {
  const user = await findUser(db, username)
  if (!user) throw new AppError('not_found')
  return user
}

type Patch = Omit<changes.UserChange, 'passwordHash'> & { password?: string | undefined }

/**
 * Changes a user and revokes their sessions, unless it only enables them; an empty change does only that.
 * Throws `token_revoked` when the acting admin has lost that role, `not_found`,
 * `last_admin`, `input_invalid` or `busy`.
 */
export async function updateUser(
  isolate: Isolate,
  { username, change, ...rest }: changes.Target & { change: Patch },
  now: number,
): Promise<User> {
  const { password, ...others } = change
  const apply = async (passwordHash?: string) => {
    const target = { username, ...rest, change: { ...others, passwordHash } }
    const { user, revoked } = await changes.changeUser(isolate.db, target, now)
    isolate.revokedSessions.add(revoked)
    return user
  }
  if (password === undefined) return apply()
  throwFieldErrors({ password: await validateNewPassword(isolate, password, username) })
  return withHashSlot(() => apply(hashPassword(password, isolate.argon2id)))
}

/** Removes a user and revokes their sessions. Throws `token_revoked`, `not_found` or `last_admin`. */
export async function removeUser(
  isolate: Isolate,
  target: changes.Target,
  now: number,
): Promise<void> {
  const { revoked } = await changes.deleteUser(isolate.db, target, now)
  isolate.revokedSessions.add(revoked)
}

async function validateNewUser(
  isolate: Isolate,
  { username, password, isSignUp }: NewUser,
): Promise<void> {
  throwFieldErrors({
    username: isSignUp ? validateOwnUsername(username) : validateUsername(username),
    password: await validateNewPassword(isolate, password, username),
  })
}

/** Throws `input_invalid` with the problem of each field that has one. */
export function throwFieldErrors(problems: Record<string, string | undefined>): void {
  const errors = Object.entries(problems).flatMap(([field, problem]) =>
    problem ? [[field, [problem]]] : [],
  )
  if (errors.length > 0) throw new AppError('input_invalid', { error: Object.fromEntries(errors) })
}

function insertNewUser({ db, argon2id }: Isolate, { password, ...user }: NewUser, now: number) {
  const passwordHash = hashPassword(password, argon2id)
  return changes.insertUser(db, { ...user, passwordHash }, now)
}
