// What is checked before a user is created or changed: the name, the roles and the password.

import { validateNewPassword } from '../../auth/passwords/rules.ts'
import { validateUsername } from '../../auth/usernames.ts'
import { throwFieldErrors } from '../../auth/users.ts'
import { ROLE_RULE, Roles } from '../../contract/requests.ts'
import { findUsers } from '../../db/user-import.ts'
import { foldUsername } from '../../db/users.ts'
import { AppError } from '../../errors.ts'
import type { Isolate } from '../../isolate.ts'
import { CommandError } from '../terminal/command-error.ts'
import { readNewPassword } from '../terminal/prompt.ts'

/** Returns a new password for a user: see `readNewPassword`. */
export const askForPassword = (isolate: Isolate, username: string): Promise<string> =>
  readNewPassword({
    rules: `At least ${isolate.settings.PASSWORD_MIN_LENGTH} characters, without the username, and not a common password.`,
    validate: (password) => validateNewPassword(isolate, password, username),
  })

/** Throws what `createUser` would report, before anybody types a password twice. */
export async function requireFreeName({ db }: Isolate, username: string): Promise<void> {
  if (!process.stdin.isTTY) return // nobody types, so one query less
  throwFieldErrors({ username: validateUsername(username) })
  const existing = await findUsers(db, JSON.stringify([foldUsername(username)]))
  if (existing.length > 0) throw new AppError('username_taken')
}

/** `--role admin,editor` is two roles, like a list in a file. */
export function parseRoles(values: string[]): string[] {
  const roles = values.flatMap((value) => value.split(',').map((role) => role.trim()))
  const { data } = Roles.safeParse([...new Set(roles)])
  if (data) return data
  throw new CommandError(`Invalid roles. Allowed are ${ROLE_RULE}.`)
}
