// One-time codes with which users choose their own password: invitations and resets (OWASP ASVS 6.4.1).

import type { CodeResponse } from '../../contract/responses.ts'
import { findCodeUser, insertInvited, redeemCode, replaceCode } from '../../db/codes.ts'
import type { User } from '../../db/users.ts'
import { AppError } from '../../errors.ts'
import type { Isolate } from '../../isolate.ts'
import { readDevice } from '../brute-force.ts'
import { withHashSlot } from '../hash-slot.ts'
import { hashCode, randomCode } from '../encoding.ts'
import { hashPassword } from '../passwords/hash.ts'
import { validateNewPassword } from '../passwords/rules.ts'
import type { ClientInfo } from '../sessions/sessions.ts'
import { throwFieldErrors } from '../users.ts'
import { validateUsername } from '../usernames.ts'

const LENGTH = 26 // 5 bits each: 130 random bits

/** `actor` is the session of the admin; undefined on the command line. */
type Recipient = { username: string; actor?: string | undefined }

/**
 * Creates a user without a password, and the code with which they choose one. Throws `input_invalid`,
 * `username_taken` or `token_revoked`.
 */
export async function inviteUser(
  isolate: Isolate,
  { roles, ...recipient }: Recipient & { roles: string[] },
  now: number,
): Promise<CodeResponse & { user: User }> {
  throwFieldErrors({ username: validateUsername(recipient.username) })
  const { code, row } = await createCode(isolate, recipient, now)
  const user = await insertInvited(isolate.db, { ...row, roles }, now)
  return { user, code, expires_at: row.expiresAt }
}

/**
 * Creates a code with which a user chooses a new password, instead of an earlier code. Password and sessions
 * stay until it is used. Throws `not_found`, also for a disabled user, or `token_revoked`.
 */
export async function createResetCode(
  isolate: Isolate,
  recipient: Recipient,
  now: number,
): Promise<CodeResponse> {
  const { code, row } = await createCode(isolate, recipient, now)
  await replaceCode(isolate.db, row, now)
  return { code, expires_at: row.expiresAt }
}

async function createCode({ settings }: Isolate, recipient: Recipient, now: number) {
  const code = randomCode(LENGTH)
  const expiresAt = now + settings.CODE_SECONDS
  return { code, row: { ...recipient, codeHash: await hashCode(code), expiresAt } }
}

const codeInvalid = () => new AppError('code_invalid', { error: { code: ['Not a valid code.'] } })

/**
 * Sets the password of the user of a code and revokes their sessions; returns the username. Throws the same
 * `code_invalid`, before any hash, for every code that is not valid; `input_invalid` for a password that is
 * not allowed: then the code stays valid. No earlier failures lock out the device that has used a code.
 */
export async function resetPassword(
  isolate: Isolate,
  { code, password, client }: { code: string; password: string; client: ClientInfo },
  now: number,
): Promise<string> {
  const { db, argon2id } = isolate
  const codeHash = await hashCode(code)
  const username = await findCodeUser(db, codeHash, now)
  if (username === undefined) throw codeInvalid()
  throwFieldErrors({ new_password: await validateNewPassword(isolate, password, username) })
  const clear = await readDevice(isolate, { username, client })
  return withHashSlot(async () => {
    const passwordHash = hashPassword(password, argon2id)
    const revoked = await redeemCode(db, { codeHash, passwordHash, clear, ...client }, now)
    if (!revoked) throw codeInvalid() // used or replaced while the password was hashed
    isolate.revokedSessions.add(revoked)
    return username
  })
}
