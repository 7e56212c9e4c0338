// The token of an Authorization header (RFC 6750 2.1).

const BEARER = /^bearer +([^ ]+)$/i

/** Returns the token of an Authorization header, if it has one. The scheme is case-insensitive (RFC 9110 11.1). */
export const readBearer = (header: string): string | undefined => BEARER.exec(header)?.[1]

/** Returns the code of the error of a header without a token. */
export function toHeaderError(header: string | null | undefined) {
  if (!header) return 'authorization_missing'
  return /^bearer( |$)/i.test(header) ? 'authorization_malformed' : 'authorization_scheme'
}
