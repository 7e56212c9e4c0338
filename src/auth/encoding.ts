// Base64, base64url and base32 (RFC 4648), hexadecimal, SHA-256, random ids and codes, and lazy access to node:crypto.

export const utf8 = new TextEncoder()

/** Returns base64 without padding (RFC 4648 4), as PHC strings use it. */
export const toBase64 = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replaceAll('=', '')

/** Returns the bytes of an unpadded base64 string; undefined for anything else. */
export const fromBase64 = (text: string): Uint8Array | undefined =>
  text.length % 4 === 1 || /[^A-Za-z\d+/]/.test(text)
    ? undefined
    : Uint8Array.from(atob(text), (char) => char.charCodeAt(0))

/** Returns base64url without padding (RFC 4648 5). */
export const toBase64url = (bytes: Uint8Array): string =>
  toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_')

/** Throws a SyntaxError for invalid base64url. Worker only: Node 24 has no `Uint8Array.fromBase64`. */
export const fromBase64url = (text: string): Uint8Array =>
  Uint8Array.fromBase64(text, { alphabet: 'base64url' })

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Returns base32 (RFC 4648 6) of a multiple of 5 bytes. */
export const toBase32 = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .replaceAll(/.{5}/g, (bits) => BASE32.charAt(Number.parseInt(bits, 2)))

export const toHex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')

export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', utf8.encode(text)))
}

/** Returns what is logged of a session's id: a hash, with which nobody can revoke it. */
export const toLogId = async (sid: string) => toBase64url((await sha256(sid)).subarray(0, 12))

/** Returns 128 random bits as base64url (ASVS 7.2.3; a UUIDv4 has only 122). */
export const randomId = (): string => toBase64url(crypto.getRandomValues(new Uint8Array(16)))

/** Base32 without the letters that are confused when they are read out (Douglas Crockford). */
const CODE_LETTERS = '0123456789abcdefghjkmnpqrstvwxyz'

/** Returns a one-time code of 5 random bits per letter, with dashes. `hashCode` is what is stored. */
export function randomCode(length: number): string {
  const random = crypto.getRandomValues(new Uint8Array(length))
  const letters = Array.from(random, (byte) => CODE_LETTERS[byte % 32]).join('')
  return letters.replaceAll(/.{4}(?=.{4})/g, '$&-')
}

/** Hashes a code as it is read out: in any case, with any separators, and with O for 0, I or L for 1. */
export async function hashCode(code: string): Promise<string> {
  const letters = code.toLowerCase().replaceAll(/[^0-9a-z]/g, '')
  return toHex(await sha256(letters.replaceAll('o', '0').replaceAll(/[il]/g, '1')))
}

/** Loads node:crypto at first use: importing it would add a tenth to every cold start. */
export const nodeCrypto = () => process.getBuiltinModule('node:crypto')
