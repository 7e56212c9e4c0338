// The form of a token: JWS compact serialisation (RFC 7515 7.1), in its one canonical encoding.

import { AppError } from '../../errors.ts'
import { fromBase64url } from '../encoding.ts'

const MAX_LENGTH = 4096

const BASE64URL = /^[\w-]+$/
// By the length of a segment modulo 4, its last characters that leave the unused bits zero. hono/jwt
// accepts any, so that one signature would have several encodings (RFC 7515 2; RFC 4648 3.5).
const CANONICAL_LAST_CHARS = [undefined, '', 'AQgw', 'AEIMQUYcgkosw048']

const isCanonicalBase64url = (segment: string) =>
  BASE64URL.test(segment) &&
  (CANONICAL_LAST_CHARS[segment.length % 4]?.includes(segment.slice(-1)) ?? true)

/** Returns the header and payload segments. Throws `token_malformed` or `token_invalid`. */
export function parseCompactJws(token: string): [header: string, payload: string] {
  if (token.length > MAX_LENGTH) throw new AppError('token_invalid', { reason: 'too long' })
  const segments = token.split('.')
  const [header, payload] = segments
  if (segments.length !== 3 || !header || !payload || segments[2] === '')
    throw new AppError('token_malformed', { reason: 'not three segments' })
  if (!segments.every(isCanonicalBase64url))
    throw new AppError('token_invalid', { reason: 'not canonical base64url' })
  return [header, payload]
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Returns the JSON in a segment; undefined for invalid JSON or UTF-8 (RFC 7519 7.2). */
export function parseSegment(segment: string): unknown {
  try {
    return JSON.parse(utf8.decode(fromBase64url(segment)))
  } catch {
    return undefined // a SyntaxError or a TypeError
  }
}
