import { beforeAll, describe, expect, it } from 'vitest'

import {
  addUser,
  base64url,
  fetchApp,
  genuineHeader,
  login,
  readSegment,
  signSegments,
} from '../helpers.ts'

let token: string
beforeAll(async () => {
  await addUser()
  token = await login()
})

const ask = (authorization: string) =>
  fetchApp('/protected', { headers: { Authorization: authorization } })

/** The genuine token signed again, by the genuine key, with these changes: `undefined` removes. */
const remint = async (claims: object, header: object = {}) =>
  signSegments(
    JSON.stringify({ ...readSegment(token, 0), ...header }),
    JSON.stringify({ ...readSegment(token, 1), ...claims }),
  )
/** The genuine header over any payload at all. */
const withPayload = async (payload: string | Uint8Array) =>
  signSegments(JSON.stringify(await genuineHeader()), payload)
/** The genuine claims under any header at all. */
const withHeader = (header: string | Uint8Array, options: object = {}) =>
  signSegments(header, JSON.stringify(readSegment(token, 1)), options)
const segments = () => token.split('.') as [string, string, string]
const change = (text: string, at: number) =>
  text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
const text = (bytes: number[]) => new Uint8Array(bytes)
const utf8 = (content: string) => new TextEncoder().encode(content)

it('the genuine token passes, also when it is minted again unchanged', async () => {
  expect((await ask(`Bearer ${token}`)).status).toBe(200)
  expect((await ask(`Bearer ${await remint({})}`)).status).toBe(200)
  expect(await remint({})).toBe(token)
})

const SIGNATURE = 'Signature verification failed'
const SEGMENTS = 'Not enough segments'
const INVALID = 'Invalid token'
const EXPIRED = 'Token has expired'

type Forgery = [title: string, msg: string, make: () => string | Promise<string>]
const alg = (name: unknown): Forgery => [
  `alg ${JSON.stringify(name)} (RFC 8725 3.1)`,
  SIGNATURE,
  () => remint({}, { alg: name }),
]
const unsigned = (name: string): Forgery => [
  `alg ${name} without a signature (RFC 8725 2.1)`,
  SEGMENTS,
  () => `${base64url(JSON.stringify({ ...readSegment(token, 0), alg: name }))}.${segments()[1]}.`,
]
const kid = (title: string, value: unknown): Forgery => [
  `kid ${title} (RFC 8725 3.10)`,
  SIGNATURE,
  () => remint({}, { kid: value }),
]
const header = (title: string, extra: object): Forgery => [
  `header with ${title}`,
  SIGNATURE,
  () => remint({}, extra),
]
const claim = (name: string, values: unknown[], msg = INVALID): Forgery[] =>
  values.map((value) => [
    `${name}: ${value === undefined ? 'missing' : JSON.stringify(value)}`,
    msg,
    () => remint({ [name]: value }),
  ])
const payload = (title: string, content: string | Uint8Array, msg = INVALID): Forgery => [
  `payload that is ${title} (RFC 7519 7.2)`,
  msg,
  () => withPayload(content),
]

const FORGERIES: Forgery[] = [
  ...[
    'none',
    'None',
    'nOnE',
    'hs256',
    'HS384',
    'HS512',
    'RS256',
    'ES256',
    'EdDSA',
    '',
    256,
    null,
    undefined,
  ].map(alg),
  ...['none', 'None', 'NONE'].map(unsigned),
  [
    'HS384 really computed with the same key',
    SIGNATURE,
    () =>
      withHeader(JSON.stringify({ ...readSegment(token, 0), alg: 'HS384' }), { hash: 'SHA-384' }),
  ],
  [
    'HS512 really computed with the same key',
    SIGNATURE,
    () =>
      withHeader(JSON.stringify({ ...readSegment(token, 0), alg: 'HS512' }), { hash: 'SHA-512' }),
  ],
  [
    'another key',
    SIGNATURE,
    () =>
      withHeader(JSON.stringify(readSegment(token, 0)), {
        secret: 'another secret of some 32 bytes!!',
      }),
  ],
  [
    'its own kid as the key',
    SIGNATURE,
    () =>
      withHeader(JSON.stringify(readSegment(token, 0)), {
        secret: String(readSegment(token, 0).kid),
      }),
  ],
  [
    'a key that its header brings along (RFC 8725 3.10)',
    SIGNATURE,
    () =>
      withHeader(
        JSON.stringify({
          ...readSegment(token, 0),
          jwk: { kty: 'oct', k: base64url('brought along') },
        }),
        { secret: 'brought along' },
      ),
  ],
  header('jku', { jku: 'https://evil.test/jwks.json', kid: 'evil' }),
  header('x5u', { x5u: 'https://evil.test/cert', kid: 'evil' }),
  header('crit (RFC 7515 4.1.11)', { crit: ['exp'] }),
  header('an empty crit', { crit: [] }),
  header('b64: false (RFC 7797)', { b64: false, crit: ['b64'] }),
  header('another typ', { typ: 'at+jwt' }),
  header('a typ that is no text', { typ: 1 }),
  kid('missing', undefined),
  kid('null', null),
  kid('a number', 1),
  kid('empty', ''),
  kid('of another key', '0123456789abcdef'),
  kid('__proto__', '__proto__'),
  kid('a path', '../../dev/null'),
  kid('SQL', "' OR 1=1 --"),
  kid('a list', [['x']]),
  ['kid of 10 kB', INVALID, () => remint({}, { kid: 'x'.repeat(10_000) })],
  ['a header that is a list', SIGNATURE, () => withHeader('["HS256"]')],
  ['a header that is no JSON', SIGNATURE, () => withHeader('HS256')],
  ['a header in broken UTF-8', SIGNATURE, () => withHeader(text([0x7b, 0xff, 0x7d]))],
  ['one segment', SEGMENTS, () => segments()[0]],
  ['two segments', SEGMENTS, () => segments().slice(0, 2).join('.')],
  ['four segments', SEGMENTS, () => `${token}.${segments()[2]}`],
  ['five segments, as of a JWE', SEGMENTS, () => `${token}.a.b`],
  ['no header', SEGMENTS, () => `.${segments()[1]}.${segments()[2]}`],
  ['no payload', SEGMENTS, () => `${segments()[0]}..${segments()[2]}`],
  ['no signature', SEGMENTS, () => `${segments()[0]}.${segments()[1]}.`],
  ['a dot behind', SEGMENTS, () => `${token}.`],
  ['dots alone', SEGMENTS, () => '..'],
  ['no dot at all', SEGMENTS, () => 'token'],
  ['the header changed', SIGNATURE, () => change(token, 10)],
  ['the payload changed (ASVS 9.1.1)', SIGNATURE, () => change(token, segments()[0].length + 10)],
  ['the signature changed', SIGNATURE, () => change(token, token.length - 10)],
  ['the signature cut short', SIGNATURE, () => token.slice(0, -3)],
  [
    'the payload of another token',
    SIGNATURE,
    async () =>
      [segments()[0], (await remint({ sub: 'ada' })).split('.')[1], segments()[2]].join('.'),
  ],
  ['padding after the signature (RFC 7515 2)', INVALID, () => `${token}=`],
  [
    'padding after the header',
    INVALID,
    () => `${segments()[0]}=.${segments()[1]}.${segments()[2]}`,
  ],
  [
    'unused bits of the signature set (RFC 4648 3.5)',
    INVALID,
    () => {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1]
    },
  ],
  ['a character that is no base64url', INVALID, () => `${token.slice(0, -4)}+/${token.slice(-2)}`],
  ['a percent-encoded dot', SEGMENTS, () => token.replace('.', '%2E')],
  ['5 kB', INVALID, () => remint({ filler: 'x'.repeat(5000) })],
  ['14 kB', INVALID, () => remint({ filler: 'x'.repeat(10_000) })],
  ...claim('exp', [undefined, null, '9999999999', true, [9_999_999_999], -1.5, {}]),
  ...claim('exp', [0, -1, 1_000_000_000], EXPIRED),
  [
    'exp: Infinity',
    INVALID,
    async () =>
      withPayload(JSON.stringify(readSegment(token, 1)).replace(/"exp":\d+/, '"exp":1e400')),
  ],
  ...claim('iat', [undefined, null, '1', true, 99_999_999_999]),
  ...claim('nbf', [null, '1', 99_999_999_999]),
  ...claim('auth_time', [undefined, '1']),
  ...claim('iss', [undefined, null, '', 'Latchkey', 'latchkey2', 'latch', ['latchkey']]),
  ...claim('aud', [
    undefined,
    null,
    '',
    'LATCHKEY',
    'latchkey/',
    ['latchkey'],
    ['other', 'latchkey'],
  ]),
  ...claim('type', [undefined, null, '', 'Access', 'id', ['access']]),
  ...claim('sub', [undefined, null, '', 1, ['cosmo']]),
  ...claim('sid', [undefined, null, '', 1]),
  ...claim('jti', [undefined, null, '', 1]),
  ...claim('roles', [undefined, null, 'admin', [1]]),
  payload('a list', '[]'),
  payload('a string', '"cosmo"'),
  payload('a number', '1'),
  payload('null', 'null'),
  payload('true', 'true'),
  payload('no JSON', 'cosmo', SIGNATURE),
  [
    'payload behind a byte order mark (RFC 8259 8.1)',
    INVALID,
    () => withPayload(utf8(`\u{FEFF}${JSON.stringify(readSegment(token, 1))}`)),
  ],
  [
    'payload in broken UTF-8',
    INVALID,
    () => {
      const bytes = utf8(JSON.stringify(readSegment(token, 1)))
      const at = JSON.stringify(readSegment(token, 1)).indexOf('cosmo')
      return withPayload(bytes.map((byte, index) => (index === at ? 0xff : byte)))
    },
  ],
  [
    'a second exp that has passed',
    EXPIRED,
    () => withPayload(JSON.stringify(readSegment(token, 1)).replace(/}$/, ',"exp":1}')),
  ],
]

it('the table of forgeries holds at least 60', () => expect(FORGERIES.length).toBeGreaterThan(60))

describe('a forged token is refused:', () => {
  it.each(FORGERIES)('%s → %s', async (_, msg, make) => {
    const forged = await make()
    const response = await ask(`Bearer ${forged}`)
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ msg })
    expect(response.headers.get('WWW-Authenticate')).toBe(
      `Bearer realm="latchkey", error="invalid_token", error_description="${msg}"`,
    )
  })
})

const MISSING = 'Missing Authorization Header'
const TYPE =
  "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'"
const BAD = "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"

describe('the Authorization header (RFC 6750 2.1, 3.1)', () => {
  it.each([
    ['missing', MISSING, undefined],
    ['empty', MISSING, ''],
    ['of white space', MISSING, '   '],
    ['of another scheme', TYPE, 'Basic Y29zbW86c3BhY2UtY29yZ2k='],
    ['of a scheme that begins alike', TYPE, 'BearerToken x.y.z'],
    ['without a scheme', TYPE, 'x.y.z'],
    ['with a tab', TYPE, 'Bearer\tx.y.z'],
    ['of Bearer alone', BAD, 'Bearer'],
    ['of Bearer and a space', BAD, 'Bearer '],
    ['of two tokens', BAD, 'Bearer x.y.z x.y.z'],
    ['of a list', BAD, 'Bearer x.y.z, Bearer x.y.z'],
  ])('%s is 401 without an error code: %s', async (_, msg, value) => {
    const headers: Record<string, string> = value === undefined ? {} : { Authorization: value }
    const response = await fetchApp('/protected', { headers })
    expect(response.status).toBe(401)
    expect(await response.text()).toBe(JSON.stringify({ msg }))
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="latchkey"')
  })

  it('twice in one request is refused (ASVS 15.3.5)', async () => {
    const headers = new Headers([
      ['Authorization', `Bearer ${token}`],
      ['Authorization', `Bearer ${token}`],
    ])
    expect((await fetchApp('/protected', { headers })).status).toBe(401)
  })

  it.each(['bearer', 'BEARER', 'bEaReR'])(
    'takes the scheme in any case: %s (RFC 9110 11.1)',
    async (scheme) => {
      expect((await ask(`${scheme} ${token}`)).status).toBe(200)
    },
  )

  it('names neither the host nor the path of the request in the challenge', async () => {
    const response = await fetchApp('/protected?x="', { headers: { Host: 'evil.test' } })
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="latchkey"')
  })
})
