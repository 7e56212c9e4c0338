// The form of a token: JWS compact serialisation (RFC 7515 7.1), in one spelling only.

import { AppError } from '../../errors.ts'
import { fromBase64url } from '../base64url.ts'

const MAX_LENGTH = 4096

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/

// By the length of a segment modulo 4, its last characters that leave zeros in unused bits: hono/jwt
// would take a signature in several spellings (RFC 7515 2; RFC 4648 3.5).
const LAST = [undefined, '', 'AQgw', 'AEIMQUYcgkosw048']

const isCanonical = (segment: string) =>
  LAST[segment.length % 4]?.includes(segment.slice(-1)) ?? true

/** The header and payload segments of a token of the right form; throws `token_malformed` or `token_invalid`. */
export function splitToken(token: string): [header: string, payload: string] {
  if (token.length > MAX_LENGTH) throw new AppError('token_invalid', 'too long')
  const segments = token.split('.')
  const [header, payload] = segments
  if (!header || !payload || segments.length !== 3 || segments.includes(''))
    throw new AppError('token_malformed', 'not three segments')
  if (!COMPACT.test(token) || !segments.every(isCanonical))
    throw new AppError('token_invalid', 'not canonical base64url')
  return [header, payload]
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The JSON in a segment; undefined when it is none, or no valid UTF-8 (RFC 7519 7.2). */
export function parseSegment(segment: string): unknown {
  try {
    return JSON.parse(utf8.decode(fromBase64url(segment)))
  } catch {
    return undefined // SyntaxError or TypeError: neither JSON nor UTF-8
  }
}
