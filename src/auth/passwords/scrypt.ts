// scrypt (RFC 7914): hashes of imported users. They are verified, never created.

import { fromBase64, nodeCrypto, utf8 } from '../encoding.ts'

// The most that a stored hash may demand: an isolate has 128 MB, and a login must stay short. Allows all of
// OWASP's parameters except the one with 128 MiB, and four times Werkzeug's default.
const MAX_MEMORY = 64 * 1024 * 1024
const MAX_WORK = 2 * MAX_MEMORY

/** A PHC string, as passlib writes it. */
const PHC =
  /^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z0-9+/]{2,86})\$([A-Za-z0-9+/]{22,86})$/

/** As Werkzeug's `generate_password_hash` writes it for a Flask app; the salt is used as a string. */
const WERKZEUG =
  /^scrypt:([1-9]\d{0,7}):([1-9]\d?):([1-9]\d?)\$([A-Za-z0-9]{1,64})\$([0-9a-f]{128})$/

type Scrypt = { N: number; r: number; p: number; salt: Uint8Array; hash: Uint8Array }

/** Returns the hash and its function; undefined for another algorithm, or one that demands too much. */
export function parseScrypt(text: string) {
  const parsed = parsePhc(text) ?? parseWerkzeug(text)
  if (!parsed || !isAffordable(parsed)) return undefined
  const { N, r, p, salt, hash } = parsed
  const derive = (password: Uint8Array): Uint8Array =>
    nodeCrypto().scryptSync(password, salt, hash.length, { N, r, p, maxmem: 2 * MAX_MEMORY })
  return { hash, derive }
}

function isAffordable({ N, r, p }: Scrypt): boolean {
  const memory = 128 * N * r
  const isValid = Number.isInteger(Math.log2(N)) && N > 1 && N < 2 ** (16 * r) // RFC 7914 2
  return isValid && memory <= MAX_MEMORY && memory * p <= MAX_WORK
}

function parsePhc(text: string): Scrypt | undefined {
  const [, ln, r, p, saltText = '', hashText = ''] = PHC.exec(text) ?? []
  const salt = fromBase64(saltText)
  const hash = fromBase64(hashText)
  if (!ln || !salt || !hash) return undefined
  return { N: 2 ** Number(ln), r: Number(r), p: Number(p), salt, hash }
}

function parseWerkzeug(text: string): Scrypt | undefined {
  const [, N, r, p, salt, hex] = WERKZEUG.exec(text) ?? []
  if (!N || !salt || !hex) return undefined
  const hash = Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))
  return { N: Number(N), r: Number(r), p: Number(p), salt: utf8.encode(salt), hash }
}
