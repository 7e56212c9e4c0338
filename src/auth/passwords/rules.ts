// The rules for new passwords (NIST SP 800-63B-4 3.1.1, OWASP ASVS 6.2).

import { listCommonPasswords } from '../../db/common-passwords.ts'
import { foldUsername } from '../../db/users.ts'
import type { Isolate } from '../../isolate.ts'
import { sha256, toHex } from '../encoding.ts'

const MAX_CODE_POINTS = 128
/** Shorter usernames are parts of ordinary words. */
const MIN_USERNAME = 4

/**
 * Returns why a new password is not allowed; undefined when it is. Lengths are in code points, and any
 * character is allowed (ASVS 6.2.5).
 */
export async function validateNewPassword(
  { db, settings }: Pick<Isolate, 'db' | 'settings'>,
  password: string,
  username: string,
): Promise<string | undefined> {
  const normalized = password.normalize('NFC')
  const length = [...normalized].length
  const minLength = settings.PASSWORD_MIN_LENGTH
  if (length < minLength) return `Shorter than minimum length ${minLength}.`
  if (length > MAX_CODE_POINTS) return `Longer than maximum length ${MAX_CODE_POINTS}.`
  const containsName =
    [...username].length >= MIN_USERNAME &&
    foldUsername(normalized).includes(foldUsername(username))
  if (containsName) return 'Contains the username.'
  return (await isCommonPassword(db, password)) ? 'Is a common password.' : undefined
}

/**
 * Whether a password is a common one (ASVS 6.2.4), regardless of case. The query contains only 12 bits
 * of its SHA-256: neither a password nor a fast hash of one leaves the Worker.
 */
async function isCommonPassword(db: D1Database, password: string): Promise<boolean> {
  const lower = password.toLowerCase()
  const prefix = toHex(await sha256(lower)).slice(0, 3)
  return (await listCommonPasswords(db, prefix)).includes(lower)
}
