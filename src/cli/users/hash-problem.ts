// Why a password hash from elsewhere cannot be taken, in words that repeat none of it.

import { isUsableHash } from '../../auth/passwords/hash.ts'

const UNKNOWN =
  "is no hash that can be verified: those are Werkzeug's scrypt, and argon2id or scrypt as PHC strings"

/** What it is, by how it begins. */
const KINDS: [RegExp, string][] = [
  [/^(\$argon2id\$|\$scrypt\$|scrypt:)/, 'is malformed, or asks for too much: 64 MiB at most'],
  [/^\$argon2/, 'is argon2i or argon2d: only argon2id can be verified'],
  [/^\$2[abxy]?\$/, 'is bcrypt, which cannot be verified'],
]

const PBKDF2 = /^\$?pbkdf2[:_-]?\w*[:$](?:i=)?(\d+)?/

/** Production refuses to compute more (cloudflare/workerd#1346), local runs do not: so it shows here or too late. */
const PBKDF2_MAX = 100_000

export function hashProblem(hash: string): string | undefined {
  if (isUsableHash(hash)) return undefined
  const pbkdf2 = PBKDF2.exec(hash)
  if (!pbkdf2) return KINDS.find(([start]) => start.test(hash))?.[1] ?? UNKNOWN
  return Number(pbkdf2[1]) > PBKDF2_MAX
    ? 'is PBKDF2 with more than 100,000 iterations, which Cloudflare does not compute in production'
    : 'is PBKDF2 with 100,000 iterations or fewer, which is too weak: OWASP asks for 600,000'
}
