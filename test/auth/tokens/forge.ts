// Forges tokens: any content signed with the genuine key, or genuine claims signed with an attacker's key.

import { fromBase64url } from '../../../src/auth/encoding.ts'
import { base64url, genuineRing, readSegment, signSegments, startSession } from '../../helpers.ts'

const utf8 = new TextEncoder()

type Segments = [header: string, payload: string, signature: string]
type Json = Record<string, unknown>

/** What an attacker starts from: both tokens of a session, and the parts of the access token. */
export type Genuine = {
  token: string
  refreshToken: string
  segments: Segments
  header: Json
  claims: Json
}

export const toSegments = (token: string) => token.split('.') as Segments

export async function startGenuine(): Promise<Genuine> {
  const { access_token: token, refresh_token: refreshToken } = await startSession()
  const [header, claims] = [readSegment(token, 0), readSegment(token, 1)]
  return { token, refreshToken, segments: toSegments(token), header, claims }
}

/** Signs the genuine token again with the genuine key and these changes. `undefined` removes a claim. */
export const remint = ({ header, claims }: Genuine, changed: object, changedHeader: object = {}) =>
  signSegments(
    JSON.stringify({ ...header, ...changedHeader }),
    JSON.stringify({ ...claims, ...changed }),
  )

/** Signs any payload under the genuine header with the genuine key. */
export const withPayload = ({ header }: Genuine, payload: string | Uint8Array) =>
  signSegments(JSON.stringify(header), payload)

/** Signs the genuine claims under any header, by default with the genuine key. */
export const withHeader = (
  { claims }: Genuine,
  header: string | Uint8Array,
  options: { secret?: string; hash?: string } = {},
) => signSegments(header, JSON.stringify(claims), options)

/** Signs any string unchanged with the Worker's own secret, so that the MAC is correct even if the token is not. */
export async function seal(input: string): Promise<string> {
  const { signing } = (await genuineRing()).current
  const mac = await crypto.subtle.sign('HMAC', signing, utf8.encode(input))
  return `${input}.${base64url(new Uint8Array(mac))}`
}

/** Returns the token with one bit of one segment flipped. A negative bit counts from the end. */
export function flipBit(token: string, index: 0 | 1 | 2, bit: number): string {
  const segments = toSegments(token)
  const bytes = fromBase64url(segments[index])
  const at = bit < 0 ? bytes.length * 8 + bit : bit
  bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7))
  return segments.with(index, base64url(bytes)).join('.')
}

/** Returns JSON in base64url whose last character has unused bits. A trailing space provides them if needed. */
export function toLooseSegment(json: object): string {
  const text = JSON.stringify(json)
  return base64url(utf8.encode(text).length % 3 === 0 ? `${text} ` : text)
}

/** Returns the segment with base64 padding (RFC 4648 4), which a lenient decoder would accept. */
export const pad = (segment: string) => segment.padEnd(Math.ceil(segment.length / 4) * 4, '=')

/** Returns another encoding of the same bytes: the segment with one unused bit set (RFC 4648 3.5). */
export function setUnusedBit(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return segment.slice(0, -1) + alphabet[alphabet.indexOf(segment.at(-1) ?? '') | 1]
}

const RSA = 'RSASSA-PKCS1-v1_5'
const KEY_TYPES = {
  ES256: [{ name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }, {}],
  EdDSA: [{ name: 'Ed25519' }, { name: 'Ed25519' }, {}],
  RS256: [
    { name: RSA, hash: 'SHA-256' },
    { name: RSA },
    { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  ],
} as const

/** Signs the genuine claims with a new key pair, whose public key is embedded in the header. */
export async function signByOwnKey(alg: keyof typeof KEY_TYPES, genuine: Genuine): Promise<string> {
  const [type, signing, size] = KEY_TYPES[alg]
  const pair = await crypto.subtle.generateKey({ ...type, ...size }, true, ['sign', 'verify'])
  const { publicKey, privateKey } = pair as CryptoKeyPair
  const jwk = await crypto.subtle.exportKey('jwk', publicKey)
  const header = base64url(JSON.stringify({ ...genuine.header, alg, jwk }))
  const input = `${header}.${genuine.segments[1]}`
  const signature = await crypto.subtle.sign(signing, privateKey, utf8.encode(input))
  return `${input}.${base64url(new Uint8Array(signature))}`
}
