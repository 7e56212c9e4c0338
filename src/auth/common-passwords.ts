// Whether a new password is a common one (OWASP ASVS 6.2.4).

import { listCommonPasswords } from '../db/common-passwords.ts'

/**
 * Whether a password is a common one, in whatever case. The query carries but 12 bits of its
 * SHA-256: no plain password, nor a fast hash of one, leaves the Worker.
 */
export async function isCommonPassword(db: D1Database, password: string): Promise<boolean> {
  const lower = password.toLowerCase()
  const digest = new Uint8Array(
    await crypto.subtle.digest('SHA-256', new TextEncoder().encode(lower)),
  )
  const hex = [...digest.subarray(0, 2)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return (await listCommonPasswords(db, hex.slice(0, 3))).includes(lower)
}
