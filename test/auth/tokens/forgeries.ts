// The table of forged tokens, each derived from a genuine one, and the error text that must reject it.

import { env } from 'cloudflare:workers'

import { importKey } from '../../../src/auth/keys/key-ring.ts'
import { base64url } from '../../helpers.ts'
import {
  flipBit,
  type Genuine,
  pad,
  remint,
  seal,
  setUnusedBit,
  signByOwnKey,
  toLooseSegment,
  toSegments,
  withHeader,
  withPayload,
} from './forge.ts'

export const SIGNATURE = 'Signature verification failed'
export const SEGMENTS = 'Not enough segments'
export const INVALID = 'Invalid token'
export const EXPIRED = 'Token has expired'
export const REFRESH = 'Only non-refresh tokens are allowed'

type Forge = (genuine: Genuine) => string | Promise<string>
export type Forgery = [title: string, msg: string, make: Forge]

const utf8 = (text: string) => new TextEncoder().encode(text)
const show = (value: unknown) => (value === undefined ? 'missing' : JSON.stringify(value))
const extend = (json: object, text: string) => JSON.stringify(json).replace(/}$/, `,${text}}`)
const toInvalidUtf8 = (json: object) =>
  utf8(JSON.stringify(json)).map((byte) => (byte === 63 ? 0xff : byte))

// Signed with the genuine key unless the title says otherwise.

const headerWith = (title: string, extra: object): Forgery => [
  `header with ${title}`,
  SIGNATURE,
  (g) => remint(g, {}, extra),
]
const alg = (name: unknown) => headerWith(`alg ${show(name)} (RFC 8725 3.1)`, { alg: name })
const kid = (title: string, value: unknown) =>
  headerWith(`kid ${title} (ASVS 9.1.3)`, { kid: value })
const ourKid = (title: string, change: (kid: string) => string): Forgery => [
  `header with kid ${title} (ASVS 9.1.3)`,
  SIGNATURE,
  (g) => remint(g, {}, { kid: change(String(g.header.kid)) }),
]
const header = (title: string, make: (genuine: Genuine) => string | Uint8Array): Forgery => [
  `header ${title}`,
  SIGNATURE,
  (g) => withHeader(g, make(g)),
]
const unsigned = (name: string): Forgery => [
  `alg ${name} without a signature (RFC 8725 2.1)`,
  SEGMENTS,
  ({ header: genuine, segments }) =>
    `${base64url(JSON.stringify({ ...genuine, alg: name }))}.${segments[1]}.`,
]
const otherHash = (name: string, hash: string): Forgery => [
  `${name} signature made with the same key (RFC 8725 3.1)`,
  SIGNATURE,
  (g) => withHeader(g, JSON.stringify({ ...g.header, alg: name }), { hash }),
]
const selfSigned = (name: 'ES256' | 'EdDSA' | 'RS256'): Forgery => [
  `${name} signature made with a key embedded in the header (RFC 8725 3.10)`,
  SIGNATURE,
  (g) => signByOwnKey(name, g),
]

export const OTHER = 'Another key of 32 bytes, not ours'
const signedWith = (title: string, secret: (genuine: Genuine) => string, extra = {}): Forgery => [
  title,
  SIGNATURE,
  (g) => withHeader(g, JSON.stringify({ ...g.header, ...extra }), { secret: secret(g) }),
]
const withKeyPointer = (extra: object) =>
  signedWith(
    `another key, with ${Object.keys(extra).join(' and ')} pointing to it (RFC 8725 3.10)`,
    () => OTHER,
    extra,
  )

const shape = (title: string, make: (...segments: Genuine['segments']) => string): Forgery => [
  title,
  SEGMENTS,
  ({ segments }) => make(...segments),
]
const flipped = (index: 0 | 1 | 2, bits: number[]): Forgery[] =>
  bits.map((bit) => [
    `bit ${bit} of segment ${index} flipped (ASVS 9.1.1)`,
    SIGNATURE,
    ({ token }) => flipBit(token, index, bit),
  ])
/** Encodes the token differently and signs the result, so that only the encoding is wrong. */
const encodedAs = (title: string, make: (header: string, payload: string) => string): Forgery => [
  `${title}, with a valid MAC (RFC 7515 2)`,
  INVALID,
  (g) => seal(make(toLooseSegment(g.header), toLooseSegment(g.claims))),
]

const claim = (name: string, values: unknown[], msg = INVALID): Forgery[] =>
  values.map((value) => [`${name}: ${show(value)}`, msg, (g) => remint(g, { [name]: value })])
const edited = (title: string, pattern: RegExp, text: string, msg = INVALID): Forgery => [
  title,
  msg,
  (g) => withPayload(g, JSON.stringify(g.claims).replace(pattern, text)),
]
const payload = (
  title: string,
  make: (genuine: Genuine) => string | Uint8Array,
  msg = INVALID,
): Forgery => [`payload ${title} (RFC 7519 7.2)`, msg, (g) => withPayload(g, make(g))]

const ALGORITHMS: Forgery[] = [
  ...['none', 'None', 'nOnE', 'NONE', 'hs256', 'HS256 ', 'HS384', 'HS512', 'RS256'].map(alg),
  ...['ES256', 'EdDSA', '', 256, null, true, ['HS256'], undefined].map(alg),
  ...['none', 'None', 'nOnE', 'NONE', 'HS256'].map(unsigned),
  otherHash('HS384', 'SHA-384'),
  otherHash('HS512', 'SHA-512'),
  selfSigned('ES256'),
  selfSigned('EdDSA'),
  selfSigned('RS256'),
]

const KEYS: Forgery[] = [
  signedWith('another key', () => OTHER),
  signedWith('a NUL as the key, with the same MAC as an empty key', () => '\0'),
  signedWith('its own kid as the key', (g) => String(g.header.kid)),
  signedWith('the issuer as the key', () => env.JWT_ISSUER),
  signedWith('the key without its last character', () => env.JWT_SECRET.slice(0, -1)),
  withKeyPointer({ jwk: { kty: 'oct', k: base64url(OTHER) } }),
  withKeyPointer({ jwk: { kty: 'oct', k: base64url(OTHER), kid: 'mine' }, kid: 'mine' }),
  withKeyPointer({ jku: 'https://evil.test/jwks.json' }),
  withKeyPointer({ jku: 'https://evil.test/jwks.json', kid: 'mine' }),
  withKeyPointer({ x5u: 'https://evil.test/cert.pem' }),
  withKeyPointer({ x5c: [btoa(OTHER)] }),
  [
    'another key under its own kid',
    SIGNATURE,
    async (g) => {
      const { kid: own } = await importKey(OTHER)
      return withHeader(g, JSON.stringify({ ...g.header, kid: own }), { secret: OTHER })
    },
  ],
  kid('that is missing', undefined),
  kid('that is null', null),
  kid('that is a number', 1),
  kid('that is true', true),
  kid('that is empty', ''),
  kid('that is an array', ['x']),
  kid('that is an object', {}),
  kid('of another key', '0123456789abcdef'),
  kid('__proto__', '__proto__'),
  kid('constructor', 'constructor'),
  kid('that is a path', '../../dev/null'),
  kid('that is the name of a binding', 'JWT_SECRET'),
  kid('that is SQL', "' OR 1=1 --"),
  kid('that is a NUL', '\0'),
  ourKid('of the genuine key in upper case', (own) => own.toUpperCase()),
  ourKid('cut to the first half', (own) => own.slice(0, 8)),
  ourKid('with a trailing space', (own) => `${own} `),
  ['header with kid of 10 kB', INVALID, (g) => remint(g, {}, { kid: 'x'.repeat(10_000) })],
]

const HEADERS: Forgery[] = [
  headerWith('crit (RFC 7515 4.1.11)', { crit: ['exp'] }),
  headerWith('an empty crit', { crit: [] }),
  headerWith('crit null', { crit: null }),
  headerWith('b64: false (RFC 7797)', { b64: false, crit: ['b64'] }),
  ...['at+jwt', 'JWE', 'JWT ', '', null, 1, ['JWT']].map((typ) =>
    headerWith(`typ ${show(typ)}`, { typ }),
  ),
  ...['["HS256"]', '"HS256"', '256', 'null', 'true', '{}', 'HS256', '{'].map((text) =>
    header(`${text} (RFC 8725 3.7)`, () => text),
  ),
  header('in an array', (g) => JSON.stringify([g.header])),
  header('with a trailing character', (g) => `${JSON.stringify(g.header)}x`),
  header('under __proto__', (g) => `{"__proto__":${JSON.stringify(g.header)}}`),
  header('after a byte order mark', (g) => utf8(`\u{FEFF}${JSON.stringify(g.header)}`)),
  header('in invalid UTF-8', (g) => toInvalidUtf8({ ...g.header, x: '?' })),
  header('with a second alg, none', (g) => extend(g.header, '"alg":"none"')),
  header('with a second kid', (g) => extend(g.header, '"kid":"mine"')),
]

const FORMS: Forgery[] = [
  shape('one segment', (first) => first),
  shape('two segments', (first, second) => `${first}.${second}`),
  shape('four segments', (...segments) => [...segments, segments[2]].join('.')),
  shape('five segments, like a JWE', (...segments) => [...segments, 'a', 'b'].join('.')),
  shape('no header', (_, second, third) => `.${second}.${third}`),
  shape('no payload', (first, _, third) => `${first}..${third}`),
  shape('no signature', (first, second) => `${first}.${second}.`),
  shape('a trailing dot', (...segments) => `${segments.join('.')}.`),
  shape('a leading dot', (...segments) => `.${segments.join('.')}`),
  shape('only two dots', () => '..'),
  shape('only a dot', () => '.'),
  shape('no dots', () => 'token'),
  shape('percent-encoded dots', (...segments) => segments.join('%2E')),
  ...flipped(0, [0, 200, -1]),
  ...flipped(1, [0, 200, -1]),
  ...flipped(2, [0, 200, -1]),
  ['a truncated signature', SIGNATURE, ({ token }) => token.slice(0, -3)],
  ['a signature with extra bytes', SIGNATURE, ({ token }) => `${token.slice(0, -3)}AAAAAA`],
  [
    'the payload of another token',
    SIGNATURE,
    async (g) => g.segments.with(1, toSegments(await remint(g, { sub: 'ada' }))[1]).join('.'),
  ],
  ['the refresh token', REFRESH, ({ refreshToken }) => refreshToken],
  [
    'the access token as a refresh token',
    REFRESH,
    (g) => remint(g, { type: 'refresh', jti: 'a.0', aud: 'latchkey/refresh' }),
  ],
  encodedAs('padding after the header', (first, second) => `${pad(first)}.${second}`),
  encodedAs('padding after the payload', (first, second) => `${first}.${pad(second)}`),
  ['padding after the signature', INVALID, ({ token }) => `${token}=`],
  encodedAs('unused bits of the header set', (first, second) => `${setUnusedBit(first)}.${second}`),
  encodedAs(
    'unused bits of the payload set',
    (first, second) => `${first}.${setUnusedBit(second)}`,
  ),
  ['unused bits of the signature set (RFC 4648 3.5)', INVALID, ({ token }) => setUnusedBit(token)],
  [
    'the plain base64 alphabet, with a valid MAC (RFC 7515 2)',
    INVALID,
    ({ segments, claims }) => {
      const second = base64url(JSON.stringify({ ...claims, filler: '??????>>>>>>' }))
      return seal(`${segments[0]}.${second.replaceAll('-', '+').replaceAll('_', '/')}`)
    },
  ],
  encodedAs('a tab after the header', (first, second) => `${first}\t.${second}`),
  encodedAs('a tab before the payload', (first, second) => `${first}.\t${second}`),
  encodedAs('a percent-encoded character', (first, second) => `%65${first.slice(1)}.${second}`),
  ['a trailing percent-encoded newline', INVALID, ({ token }) => `${token}%0A`],
  ['a trailing comma', INVALID, ({ token }) => `${token},`],
  ['a token of 5 kB', INVALID, (g) => remint(g, { filler: 'x'.repeat(5000) })],
  ['a token of 100 kB', INVALID, (g) => remint(g, { filler: 'x'.repeat(100_000) })],
]

const FAR = 99_999_999_999

const CLAIMS: Forgery[] = [
  ...claim('exp', [undefined, null, '', '9999999999', true, [FAR], {}, -1.5, FAR + 0.5, 1e21]),
  ...claim('exp', [0, -1, 1_000_000_000], EXPIRED),
  edited('exp: 1e400', /"exp":\d+/, '"exp":1e400'),
  edited('exp: -1e400', /"exp":\d+/, '"exp":-1e400'),
  edited('exp: NaN', /"exp":\d+/, '"exp":NaN', SIGNATURE),
  ...claim('iat', [undefined, null, '1', true, [1], 1.5, FAR]),
  ...claim('iat', [0, -1, 1_000_000_000], EXPIRED),
  edited('iat: 1e400', /"iat":\d+/, '"iat":1e400'),
  ...claim('nbf', [null, '', '1', true, [1], 1.5, FAR]),
  ...claim('auth_time', [undefined, null, '1', true, 1.5]),
  ...claim('iss', [undefined, null, '', 1, true, 'Latchkey', 'latchkey2', 'latch', 'latchkey/']),
  ...claim('iss', [['latchkey'], 'latchkey ', 'https://latchkey.test']),
  ...claim('aud', [undefined, null, '', 1, true, 'LATCHKEY', 'latch', 'latchkey/']),
  ...claim('aud', [['latchkey'], ['other', 'latchkey'], ['other'], []]),
  ...claim('type', [undefined, null, '', 1, 'Access', 'access ', 'id', 'refresh', ['access']]),
  ...claim('sub', [undefined, null, '', 1, true, ['cosmo'], {}]),
  ...claim('sid', [undefined, null, '', 1, ['x']]),
  ...claim('jti', [undefined, null, '', 1, ['x']]),
  ...claim('roles', [undefined, null, 'admin', {}, [1], [null]]),
  edited('a second exp, in the past', /}$/, ',"exp":1}', EXPIRED),
  edited('a second iss', /}$/, ',"iss":"other"}'),
  edited('a second aud', /}$/, ',"aud":"other"}'),
  edited('a second type', /}$/, ',"type":"refresh"}'),
]

const PAYLOADS: Forgery[] = [
  ...['[]', '"cosmo"', '1', 'null', 'true', '{}'].map((text) => payload(text, () => text)),
  payload('in an array', (g) => JSON.stringify([g.claims])),
  payload('in a string', (g) => JSON.stringify(JSON.stringify(g.claims))),
  payload('under __proto__', (g) => `{"__proto__":${JSON.stringify(g.claims)}}`),
  payload('of 700 nested arrays', () => '['.repeat(700) + ']'.repeat(700)),
  payload('that is not JSON', () => 'cosmo', SIGNATURE),
  payload('that is a token', (g) => g.token, SIGNATURE),
  payload('with a trailing character', (g) => `${JSON.stringify(g.claims)}x`, SIGNATURE),
  payload('in UTF-16', (g) => [...JSON.stringify(g.claims), ''].join('\0'), SIGNATURE),
  payload('after a byte order mark', (g) => utf8(`\u{FEFF}${JSON.stringify(g.claims)}`)),
  payload('in invalid UTF-8', (g) => toInvalidUtf8({ ...g.claims, sub: '?' })),
]

export const FORGERIES = [...ALGORITHMS, ...KEYS, ...HEADERS, ...FORMS, ...CLAIMS, ...PAYLOADS]
