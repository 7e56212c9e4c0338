import { describe, expect, it } from 'vitest'

import { parseSegment, splitToken } from '../../../src/auth/tokens/compact-jws.ts'
import { base64url } from '../../helpers.ts'

const codeOf = (token: string) => {
  try {
    splitToken(token)
    return 'taken'
  } catch (error) {
    return (error as { code?: string }).code
  }
}

describe('a token has three segments in base64url, in one spelling only (RFC 7515 2, 7.1)', () => {
  it('segments of any number of bytes are taken', () => {
    for (let length = 1; length <= 24; length += 1) {
      const bytes = crypto.getRandomValues(new Uint8Array(length))
      const segment = base64url(bytes)
      expect(codeOf(`${segment}.${segment}.${segment}`)).toBe('taken')
    }
  })

  it('of the 64 last characters with two or four unused bits, those with zeros there are taken', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const taken = (start: string) =>
      [...alphabet].filter((last) => codeOf(`YQ.YQ.${start}${last}`) === 'taken').join('')
    expect(taken('Y')).toBe('AQgw')
    expect(taken('YW')).toBe('AEIMQUYcgkosw048')
    expect(taken('YWF')).toBe(alphabet)
    expect(taken('')).toBe('')
    expect(taken('YWFh')).toBe('')
  })

  it.each(['=', '==', '\n', '\r\n', ' ', '\t', '\0', '\u00a0', '+', '/', '%', '~', 'é', '🔑', '?'])(
    'a segment with %j in it, before it or behind it is not',
    (text) => {
      for (const bad of [`YW${text}Fh`, `${text}YWFh`, `YWFh${text}`])
        for (const segments of [
          [bad, 'YQ', 'YQ'],
          ['YQ', bad, 'YQ'],
          ['YQ', 'YQ', bad],
        ])
          expect(codeOf(segments.join('.'))).toBe('token_invalid')
    },
  )

  it('4,096 characters are taken, and 4,097 are not, however they are split', () => {
    expect(codeOf(`YQ.YQ.${'a'.repeat(4088)}YQ`)).toBe('taken')
    expect(codeOf(`YQ.YQ.${'a'.repeat(4088)}YWE`)).toBe('token_invalid')
    expect(codeOf('.'.repeat(4097))).toBe('token_invalid')
    expect(codeOf('.'.repeat(4096))).toBe('token_malformed')
  })
})

describe('the JSON of a segment', () => {
  it('is read as UTF-8', () => {
    expect(parseSegment(base64url('{"name":"Zoë 🔑"}'))).toEqual({ name: 'Zoë 🔑' })
  })

  it.each<[title: string, content: string | Uint8Array]>([
    ['nothing', ''],
    ['no JSON', '{'],
    ['behind a byte order mark (RFC 8259 8.1)', '\u{FEFF}{}'],
    ['in broken UTF-8 (RFC 7519 7.2)', new Uint8Array([0x22, 0xff, 0x22])],
    ['with a surrogate half in UTF-8', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['in overlong UTF-8', new Uint8Array([0x22, 0xc0, 0xaf, 0x22])],
  ])('%s is undefined', (_, content) => {
    expect(parseSegment(base64url(content))).toBeUndefined()
  })
})
