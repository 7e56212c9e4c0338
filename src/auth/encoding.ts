// Base64 and base64url (RFC 4648), hexadecimal, SHA-256, random ids, and lazy access to node:crypto.

/** Returns base64 without padding (RFC 4648 4), as PHC strings use it. */
export const toBase64 = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replaceAll('=', '')

/** Returns the bytes of an unpadded base64 string, or undefined for an impossible length. */
export const fromBase64 = (text: string): Uint8Array | undefined =>
  text.length % 4 === 1 ? undefined : Uint8Array.from(atob(text), (char) => char.charCodeAt(0))

/** Returns base64url without padding (RFC 4648 5). */
export const toBase64url = (bytes: Uint8Array): string =>
  toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_')

/** Throws a SyntaxError for invalid base64url. Worker only: Node 24 has no `Uint8Array.fromBase64`. */
export const fromBase64url = (text: string): Uint8Array =>
  Uint8Array.fromBase64(text, { alphabet: 'base64url' })

export const toHex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')

export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

/** Returns what is logged of a session's id: a hash, with which nobody can revoke it. */
export const toLogId = async (sid: string) => toBase64url((await sha256(sid)).subarray(0, 12))

/** Returns 128 random bits as base64url (ASVS 7.2.3; a UUIDv4 has only 122). */
export const randomId = (): string => toBase64url(crypto.getRandomValues(new Uint8Array(16)))

/** Loads node:crypto at first use: importing it would add a tenth to every cold start. */
export const nodeCrypto = () => process.getBuiltinModule('node:crypto')
