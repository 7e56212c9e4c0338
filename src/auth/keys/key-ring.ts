// The key ring: JWT_SECRET signs, JWT_SECRET_NEXT and JWT_SECRET_PREVIOUS only verify. DATA_SECRET has a ring too.

import type { Settings } from '../../config.ts'
import { AppError } from '../../errors.ts'
import { toBase64url, toHex, utf8 } from '../encoding.ts'
import { parseJwk, type PublicJwk, toPublicJwk, toThumbprint } from './jwk.ts'

type Name = { kid: string; alg: 'HS256' | 'ES256' | 'EdDSA' }

/** A key of the ring. A shared secret has no public key. */
export type Key = Name & {
  /** For hono/jwt: a CryptoKey that also carries the `alg` and `kid` of a token's header. */
  signing: CryptoKey & Name
  verifying: CryptoKey
  /** An HMAC key from which the one of `keyedHash` is derived, at its first use. */
  root: CryptoKey
  hashing?: CryptoKey
  publicJwk: PublicJwk | undefined
}

/** `current` signs; all of them verify, found by `kid`. */
export type KeyRing = { current: Key; byKid: ReadonlyMap<string, Key> }

const SUFFIXES = ['', '_NEXT', '_PREVIOUS'] as const

/**
 * Imports the ring. Throws `keys_invalid`, naming the variable and never its value, when a key is
 * missing, weak, malformed, only public, or the same as another.
 */
export async function importKeyRing(
  settings: Partial<Settings>,
  name: 'JWT_SECRET' | 'DATA_SECRET' = 'JWT_SECRET',
): Promise<KeyRing> {
  const byKid = new Map<string, Key>()
  for (const suffix of SUFFIXES) {
    const variable = `${name}${suffix}` as const
    const secret = settings[variable] ?? ''
    if (secret === '' && suffix !== '') continue
    const key = await importKey(secret).catch((error: unknown) => {
      throw error instanceof KeyProblem ? invalid(`${variable} ${error.message}`) : error
    })
    if (byKid.has(key.kid)) throw invalid(`${variable} is the same key as another of the ring`)
    byKid.set(key.kid, key)
  }
  const [current] = byKid.values()
  if (!current) throw invalid('the ring is empty')
  return { current, byKid }
}

const invalid = (reason: string) => new AppError('keys_invalid', { reason })

/** Why a secret cannot be a key, and what to do about it; never quotes the secret. */
export class KeyProblem extends Error {}

const HOW_TO = "'npm run keys -- generate' creates one"
const MIN_BYTES = 32 // RFC 7518 3.2: at least the size of the hash
const MIN_DISTINCT = 10
const PLACEHOLDER = /secret|password|change.?me|replace|example|placeholder|your[-_ ]/i

/** Imports a secret. Its own type decides the algorithm, never a token's header (RFC 8725 3.1). Throws a KeyProblem. */
export function importKey(secret: string): Promise<Key> {
  return secret.trimStart().startsWith('{') ? importPrivateJwk(secret) : importSharedSecret(secret)
}

const HMAC = { name: 'HMAC', hash: 'SHA-256' }
const importHmac = (bytes: Uint8Array | ArrayBuffer) =>
  crypto.subtle.importKey('raw', bytes, HMAC, false, ['sign', 'verify'])

/**
 * Returns a hash of what must not be guessed from the database, as plain hashes of addresses and names are. Its
 * key is derived from the one that signs: one key, one purpose (RFC 8725 3.1).
 */
export async function keyedHash({ current: key }: KeyRing, parts: string[]): Promise<string> {
  const sign = (hmac: CryptoKey, text: string) =>
    crypto.subtle.sign('HMAC', hmac, utf8.encode(text))
  key.hashing ??= await importHmac(await sign(key.root, 'latchkey keyed hash'))
  return toBase64url(new Uint8Array(await sign(key.hashing, JSON.stringify(parts))))
}

async function importSharedSecret(secret: string): Promise<Key> {
  const bytes = utf8.encode(secret)
  if (secret === '') throw new KeyProblem(`is not set: ${HOW_TO}`)
  if (bytes.length < MIN_BYTES)
    throw new KeyProblem(`is shorter than ${MIN_BYTES} bytes: ${HOW_TO}`)
  if (PLACEHOLDER.test(secret) || new Set(secret).size < MIN_DISTINCT)
    throw new KeyProblem(`is a placeholder or far too regular: ${HOW_TO}`)
  const key = await importHmac(bytes)
  // Keyed, so that the public `kid` is no easier to test guesses against than a token.
  const digest = await crypto.subtle.sign('HMAC', key, utf8.encode('latchkey kid'))
  const name = { alg: 'HS256', kid: toHex(new Uint8Array(digest, 0, 8)) } as const
  const keys = { signing: Object.assign(key, name), verifying: key, root: key }
  return { ...name, ...keys, publicJwk: undefined }
}

const EC = {
  alg: 'ES256',
  algorithm: { name: 'ECDSA', namedCurve: 'P-256' },
  usage: { name: 'ECDSA', hash: 'SHA-256' },
} as const
const OKP = { alg: 'EdDSA', algorithm: { name: 'Ed25519' }, usage: { name: 'Ed25519' } } as const

async function importPrivateJwk(text: string): Promise<Key> {
  const jwk = parseJwk(text)
  if (!jwk)
    throw new KeyProblem(
      `is not a valid private JWK of type EC P-256 or Ed25519: ${HOW_TO} with --alg`,
    )
  const { alg, algorithm, usage } = jwk.kty === 'EC' ? EC : OKP
  const name = { alg, kid: await toThumbprint(jwk) }
  const importHalf = (half: object, use: 'sign' | 'verify') =>
    crypto.subtle.importKey('jwk', half as JsonWebKey, algorithm, false, [use])
  try {
    const signing = Object.assign(await importHalf(jwk, 'sign'), name)
    const verifying = await importHalf(toPublicJwk(jwk), 'verify')
    const proof = utf8.encode('latchkey')
    const signature = await crypto.subtle.sign(usage, signing, proof)
    if (!(await crypto.subtle.verify(usage, verifying, signature, proof)))
      throw new KeyProblem('has private and public halves that do not match')
    const publicJwk = { ...toPublicJwk(jwk), ...name, use: 'sig' } as const
    const root = await importHmac(utf8.encode(jwk.d))
    return { ...name, signing, verifying, root, publicJwk }
  } catch (error) {
    // A DOMException: Web Crypto rejects the numbers.
    throw error instanceof KeyProblem
      ? error
      : new KeyProblem('contains numbers that are not a key')
  }
}
