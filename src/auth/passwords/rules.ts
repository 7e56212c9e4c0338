// The rules for a new password, with the one that the database knows (OWASP ASVS 6.2).

import { listCommonPasswords } from '../../db/common-passwords.ts'
import { passwordProblem } from './hash.ts'

/** Why a new password is refused; undefined when it may be set. */
export async function newPasswordProblem(
  db: D1Database,
  password: string,
  rules: { username: string; minLength: number },
): Promise<string | undefined> {
  const problem = passwordProblem(password, rules)
  if (problem) return problem
  return (await isCommonPassword(db, password)) ? 'Is a common password.' : undefined
}

/**
 * Whether a password is a common one (ASVS 6.2.4), in whatever case. The query carries but 12 bits of
 * its SHA-256: no plain password, nor a fast hash of one, leaves the Worker.
 */
async function isCommonPassword(db: D1Database, password: string): Promise<boolean> {
  const lower = password.toLowerCase()
  const digest = new Uint8Array(
    await crypto.subtle.digest('SHA-256', new TextEncoder().encode(lower)),
  )
  const hex = [...digest.subarray(0, 2)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return (await listCommonPasswords(db, hex.slice(0, 3))).includes(lower)
}
