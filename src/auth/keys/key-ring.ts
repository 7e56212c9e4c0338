// The key ring: JWT_SECRET signs, JWT_SECRET_NEXT and JWT_SECRET_PREVIOUS verify. Imported once per isolate.

import type { Config } from '../../config.ts'
import { AppError } from '../../errors.ts'
import { toBase64url } from '../base64url.ts'
import { parseJwk, type PublicJwk, toPublicJwk, toThumbprint } from './jwk.ts'

/** A key of hono/jwt: a CryptoKey that also carries the `alg` and `kid` for a token's header. */
export type SigningKey = CryptoKey & { alg: Algorithm; kid: string }
type Algorithm = 'HS256' | 'ES256' | 'EdDSA'

/** An entry of the ring: `kid` and `alg` are those of its tokens; a shared secret has no public half. */
export type Key = {
  kid: string
  alg: Algorithm
  /** The header segment of its tokens, as hono/jwt writes it. */
  header: string
  signing: SigningKey
  verifying: CryptoKey
  publicJwk: PublicJwk | undefined
}

/** `current` signs; any of them verifies, found by `kid`. */
export type KeyRing = { current: Key; byKid: ReadonlyMap<string, Key> }

const VARIABLES = ['JWT_SECRET', 'JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'] as const

const rings = new WeakMap<Config, KeyRing>()

/**
 * The ring of this Worker. Throws `keys_invalid`, naming the variable and never its value, when an
 * entry is missing, weak, malformed, public only, or the same as another.
 */
export async function importRing(config: Config): Promise<KeyRing> {
  const known = rings.get(config)
  if (known) return known
  const byKid = new Map<string, Key>()
  for (const variable of VARIABLES) {
    const secret = config[variable]
    if (secret === '' && variable !== 'JWT_SECRET') continue
    const key = await importKey(secret).catch((error: unknown) => {
      throw error instanceof KeyProblem
        ? new AppError('keys_invalid', `${variable} ${error.message}`)
        : error
    })
    if (byKid.has(key.kid))
      throw new AppError('keys_invalid', `${variable} is the same key as another of the ring`)
    byKid.set(key.kid, key)
  }
  const [current] = byKid.values()
  if (!current) throw new AppError('keys_invalid', 'the ring is empty')
  const ring = { current, byKid }
  rings.set(config, ring)
  return ring
}

/** Why a secret cannot be a key; says what to do, and never quotes it. */
export class KeyProblem extends Error {}

const HOW_TO = "'npm run keys -- generate' makes one"
const MIN_BYTES = 32 // RFC 7518 3.2: at least the size of the hash
const MIN_DISTINCT = 10
const PLACEHOLDER = /secret|password|change.?me|replace|example|placeholder|your[-_ ]/i

/** The key of a secret; its own type decides the algorithm, the token's header never does (RFC 8725 3.1). */
export function importKey(secret: string): Promise<Key> {
  return secret.trimStart().startsWith('{') ? importPrivateJwk(secret) : importSharedSecret(secret)
}

const utf8 = new TextEncoder()

const toHeader = ({ alg, kid }: { alg: Algorithm; kid: string }): string =>
  toBase64url(utf8.encode(JSON.stringify({ alg, typ: 'JWT', kid })))

async function importSharedSecret(secret: string): Promise<Key> {
  const bytes = utf8.encode(secret)
  if (secret === '') throw new KeyProblem(`is not set: ${HOW_TO}`)
  if (bytes.length < MIN_BYTES)
    throw new KeyProblem(`is shorter than ${MIN_BYTES} bytes: ${HOW_TO}`)
  if (PLACEHOLDER.test(secret) || new Set(secret).size < MIN_DISTINCT)
    throw new KeyProblem(`is a placeholder or far too regular: ${HOW_TO}`)
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', bytes, hmac, false, ['sign', 'verify'])
  // Keyed, so that the public `kid` is no easier to test guesses against than a token.
  const digest = await crypto.subtle.sign(hmac, key, utf8.encode('latchkey kid'))
  const kid = [...new Uint8Array(digest, 0, 8)].map((byte) => byte.toString(16).padStart(2, '0'))
  const name = { alg: 'HS256', kid: kid.join('') } as const
  const signing = Object.assign(key, name)
  return { ...name, header: toHeader(name), signing, verifying: key, publicJwk: undefined }
}

async function importPrivateJwk(text: string): Promise<Key> {
  const jwk = parseJwk(text)
  if (!jwk)
    throw new KeyProblem(`is no private JWK of type EC P-256 or Ed25519: ${HOW_TO} with --alg`)
  const { alg, algorithm, usage } =
    jwk.kty === 'EC'
      ? ({
          alg: 'ES256',
          algorithm: { name: 'ECDSA', namedCurve: 'P-256' },
          usage: { name: 'ECDSA', hash: 'SHA-256' },
        } as const)
      : ({ alg: 'EdDSA', algorithm: { name: 'Ed25519' }, usage: { name: 'Ed25519' } } as const)
  const name = { alg, kid: await toThumbprint(jwk) }
  const half = (part: object, use: 'sign' | 'verify') =>
    crypto.subtle.importKey('jwk', part as JsonWebKey, algorithm, false, [use])
  try {
    const signing = Object.assign(await half(jwk, 'sign'), name)
    const verifying = await half(toPublicJwk(jwk), 'verify')
    const proof = utf8.encode('latchkey')
    const signature = await crypto.subtle.sign(usage, signing, proof)
    if (!(await crypto.subtle.verify(usage, verifying, signature, proof)))
      throw new KeyProblem('has halves that do not belong together')
    const publicJwk = { ...toPublicJwk(jwk), ...name, use: 'sig' } as const
    return { ...name, header: toHeader(name), signing, verifying, publicJwk }
  } catch (error) {
    // A DOMException: Web Crypto refuses the numbers.
    throw error instanceof KeyProblem ? error : new KeyProblem('holds numbers that are no key')
  }
}
