// How tokens are forged: by the genuine key over any text at all, or by a key of the forger's own.

import { fromBase64url } from '../../../src/auth/base64url.ts'
import { base64url, genuineRing, readSegment, signSegments, startSession } from '../../helpers.ts'

const utf8 = new TextEncoder()

type Segments = [header: string, payload: string, signature: string]
type Json = Record<string, unknown>

/** What a forger begins with: both tokens of a session, and the parts of the access token. */
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

/** The genuine token signed again, by the genuine key, with these changes: `undefined` removes. */
export const remint = ({ header, claims }: Genuine, changed: object, changedHeader: object = {}) =>
  signSegments(
    JSON.stringify({ ...header, ...changedHeader }),
    JSON.stringify({ ...claims, ...changed }),
  )

/** Any payload at all under the genuine header. */
export const withPayload = ({ header }: Genuine, payload: string | Uint8Array) =>
  signSegments(JSON.stringify(header), payload)

/** Any header at all over the genuine claims. */
export const withHeader = (
  { claims }: Genuine,
  header: string | Uint8Array,
  options: { secret?: string; hash?: string } = {},
) => signSegments(header, JSON.stringify(claims), options)

/** Signs any text as it stands by the Worker's own secret: whatever is wrong with it, its MAC is right. */
export async function seal(input: string): Promise<string> {
  const { signing } = (await genuineRing()).current
  const mac = await crypto.subtle.sign('HMAC', signing, utf8.encode(input))
  return `${input}.${base64url(new Uint8Array(mac))}`
}

/** The token with one bit of one of its segments flipped; counted from the end when negative. */
export function flipBit(token: string, index: 0 | 1 | 2, bit: number): string {
  const segments = toSegments(token)
  const bytes = fromBase64url(segments[index])
  const at = bit < 0 ? bytes.length * 8 + bit : bit
  bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7))
  return segments.with(index, base64url(bytes)).join('.')
}

/** JSON in base64url that ends in two or four unused bits: a space behind JSON means nothing. */
export function toLooseSegment(json: object): string {
  const text = JSON.stringify(json)
  return base64url(utf8.encode(text).length % 3 === 0 ? `${text} ` : text)
}

/** The segment as padded base64 (RFC 4648 4), which another decoder would take. */
export const pad = (segment: string) => segment.padEnd(Math.ceil(segment.length / 4) * 4, '=')

/** Another spelling of the same bytes: a segment with one of its unused bits set (RFC 4648 3.5). */
export function setUnusedBit(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return segment.slice(0, -1) + alphabet[alphabet.indexOf(segment.at(-1) ?? '') | 1]
}

const RSA = 'RSASSA-PKCS1-v1_5'
const KINDS = {
  ES256: [{ name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }, {}],
  EdDSA: [{ name: 'Ed25519' }, { name: 'Ed25519' }, {}],
  RS256: [
    { name: RSA, hash: 'SHA-256' },
    { name: RSA },
    { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
  ],
} as const

/** The genuine claims really signed by a new key pair, whose public half the header brings along. */
export async function signByOwnKey(alg: keyof typeof KINDS, genuine: Genuine): Promise<string> {
  const [kind, use, size] = KINDS[alg]
  const pair = await crypto.subtle.generateKey({ ...kind, ...size }, true, ['sign', 'verify'])
  const { publicKey, privateKey } = pair as CryptoKeyPair
  const jwk = await crypto.subtle.exportKey('jwk', publicKey)
  const header = base64url(JSON.stringify({ ...genuine.header, alg, jwk }))
  const input = `${header}.${genuine.segments[1]}`
  const signature = await crypto.subtle.sign(use, privateKey, utf8.encode(input))
  return `${input}.${base64url(new Uint8Array(signature))}`
}
