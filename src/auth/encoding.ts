// Base64 without padding (RFC 4648 4), as PHC strings have it.

export const toBase64 = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replaceAll('=', '')

/** The bytes of a text of the alphabet; undefined when none has its length. */
export const fromBase64 = (text: string): Uint8Array | undefined =>
  text.length % 4 === 1 ? undefined : Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
