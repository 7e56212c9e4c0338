import { describe, expect, it } from 'vitest'

import { parseSegment, parseCompactJws } from '../../../src/auth/tokens/compact-jws.ts'
import { base64url } from '../../helpers.ts'

const codeOf = (token: string) => {
  try {
    parseCompactJws(token)
    return 'accepted'
  } catch (error) {
    return (error as { code?: string }).code
  }
}

describe('parseCompactJws accepts only canonical base64url (RFC 7515 2, 7.1)', () => {
  it('parseCompactJws accepts segments of any number of bytes', () => {
    for (let length = 1; length <= 24; length += 1) {
      const bytes = crypto.getRandomValues(new Uint8Array(length))
      const segment = base64url(bytes)
      expect(codeOf(`${segment}.${segment}.${segment}`)).toBe('accepted')
    }
  })

  it('parseCompactJws accepts a last character only if its unused bits are zero', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const acceptedEndings = (start: string) =>
      [...alphabet].filter((last) => codeOf(`YQ.YQ.${start}${last}`) === 'accepted').join('')
    expect(acceptedEndings('Y')).toBe('AQgw')
    expect(acceptedEndings('YW')).toBe('AEIMQUYcgkosw048')
    expect(acceptedEndings('YWF')).toBe(alphabet)
    expect(acceptedEndings('')).toBe('')
    expect(acceptedEndings('YWFh')).toBe('')
  })

  it.each(['=', '==', '\n', '\r\n', ' ', '\t', '\0', '\u00a0', '+', '/', '%', '~', 'é', '🔑', '?'])(
    'parseCompactJws rejects a token with %j inside, before or after a segment',
    (extra) => {
      for (const bad of [`YW${extra}Fh`, `${extra}YWFh`, `YWFh${extra}`, `${extra}YWF`])
        for (const segments of [
          [bad, 'YQ', 'YQ'],
          ['YQ', bad, 'YQ'],
          ['YQ', 'YQ', bad],
        ])
          expect(codeOf(segments.join('.'))).toBe('token_invalid')
    },
  )

  it('parseCompactJws reports another number of segments, or an empty one, as malformed', () => {
    for (const bad of ['YQ', 'YQ.YQ', 'YQ.YQ.YQ.YQ', '.YQ.YQ', 'YQ..YQ', 'YQ.YQ.', '..', ''])
      expect(codeOf(bad)).toBe('token_malformed')
  })

  it('parseCompactJws accepts 4,096 characters but rejects 4,097, regardless of the segment lengths', () => {
    expect(codeOf(`YQ.YQ.${'a'.repeat(4088)}YQ`)).toBe('accepted')
    expect(codeOf(`YQ.YQ.${'a'.repeat(4088)}YWE`)).toBe('token_invalid')
    expect(codeOf('.'.repeat(4097))).toBe('token_invalid')
    expect(codeOf('.'.repeat(4096))).toBe('token_malformed')
  })
})

describe('parseSegment', () => {
  it('parseSegment reads JSON in UTF-8', () => {
    expect(parseSegment(base64url('{"name":"Zoë 🔑"}'))).toEqual({ name: 'Zoë 🔑' })
  })

  it.each<[title: string, content: string | Uint8Array]>([
    ['an empty segment', ''],
    ['invalid JSON', '{'],
    ['JSON after a byte order mark (RFC 8259 8.1)', '\u{FEFF}{}'],
    ['JSON in invalid UTF-8 (RFC 7519 7.2)', new Uint8Array([0x22, 0xff, 0x22])],
    ['JSON with a surrogate in UTF-8', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['JSON in overlong UTF-8', new Uint8Array([0x22, 0xc0, 0xaf, 0x22])],
  ])('parseSegment returns undefined for %s', (_, content) => {
    expect(parseSegment(base64url(content))).toBeUndefined()
  })
})
