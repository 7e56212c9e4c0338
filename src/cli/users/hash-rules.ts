// Which password hashes of other systems can be imported. No reason repeats any part of a hash.

import { isSupportedHash } from '../../auth/passwords/hash.ts'

const UNKNOWN =
  "is not a supported hash. Supported are Werkzeug's scrypt, and argon2id or scrypt as PHC strings"

/** The reasons for known formats, by their beginning. */
const REASONS: [RegExp, string][] = [
  [/^(\$argon2id\$|\$scrypt\$|scrypt:)/, 'is malformed, or needs more than 64 MiB of memory'],
  [/^\$argon2/, 'is argon2i or argon2d: only argon2id is supported'],
  [/^\$2[abxy]?\$/, 'is bcrypt, which is not supported'],
]

const PBKDF2 = /^\$?pbkdf2[:_-]?\w*[:$](?:i=)?(\d+)?/

/** Workers compute no more in production (cloudflare/workerd#1346), although local ones do. */
const PBKDF2_MAX = 100_000

/** Returns why a hash cannot be imported; undefined when it can. */
export function validateHash(hash: string): string | undefined {
  if (isSupportedHash(hash)) return undefined
  const pbkdf2 = PBKDF2.exec(hash)
  if (!pbkdf2) return REASONS.find(([start]) => start.test(hash))?.[1] ?? UNKNOWN
  return Number(pbkdf2[1]) > PBKDF2_MAX
    ? 'is PBKDF2 with more than 100,000 iterations, which Cloudflare does not support in production'
    : 'is PBKDF2 with at most 100,000 iterations, which is too weak: OWASP recommends 600,000'
}

/** The names of known formats, by their beginning. */
const FORMATS: [RegExp, string][] = [
  [PBKDF2, 'PBKDF2'],
  [/^\$2[abxy]?\$/, 'bcrypt'],
  [/^(\$argon2|\$scrypt\$|scrypt:)/, 'argon2 or scrypt'],
  [/^$/, 'empty'],
]

/** Returns the name of the format of a hash that cannot be imported. */
export const nameFormat = (hash: string): string =>
  FORMATS.find(([start]) => start.test(hash))?.[1] ?? 'other'
