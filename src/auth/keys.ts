// The key that signs and verifies tokens: made from the secret JWT_SECRET, imported once per isolate.

import { AppError } from '../errors.ts'

/** A key of hono/jwt: a CryptoKey that also carries the `alg` and `kid` for the token's header. */
export type SigningKey = CryptoKey & { alg: 'HS256'; kid: string }

const MIN_BYTES = 32 // RFC 7518 3.2: at least the size of the hash
const MIN_DISTINCT = 10
const PLACEHOLDER = /secret|password|change.?me|replace|example|placeholder|your[-_ ]/i

const HOW_TO = "make one with 'openssl rand -base64 32 | npx wrangler secret put JWT_SECRET'"

/** Why a secret cannot sign (RFC 8725 3.5); undefined when it can. Never quotes it. */
export function secretProblem(secret: string): string | undefined {
  if (secret === '') return `is not set: ${HOW_TO}`
  if (new TextEncoder().encode(secret).length < MIN_BYTES)
    return `is shorter than ${MIN_BYTES} bytes: ${HOW_TO}`
  if (PLACEHOLDER.test(secret) || new Set(secret).size < MIN_DISTINCT)
    return `is a placeholder or far too regular: ${HOW_TO}`
  return undefined
}

const imported = new Map<string, SigningKey>()

/** The key of `secret`. Throws `not_set_up` when the secret is too weak to sign. */
export async function importKey(secret: string): Promise<SigningKey> {
  const known = imported.get(secret)
  if (known) return known
  const problem = secretProblem(secret)
  if (problem) throw new AppError('not_set_up', `JWT_SECRET ${problem}`)
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const bytes = new TextEncoder().encode(secret)
  const key = await crypto.subtle.importKey('raw', bytes, hmac, false, ['sign', 'verify'])
  // Keyed, so that the public `kid` is no test for guesses at the secret that the token itself is not.
  const digest = await crypto.subtle.sign(hmac, key, new TextEncoder().encode('latchkey kid'))
  const kid = [...new Uint8Array(digest, 0, 8)].map((byte) => byte.toString(16).padStart(2, '0'))
  const signingKey: SigningKey = Object.assign(key, { alg: 'HS256', kid: kid.join('') } as const)
  imported.set(secret, signingKey)
  return signingKey
}
