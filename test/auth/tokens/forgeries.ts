// The table of forged tokens, each made from a genuine one, and the text that must refuse it.

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

type Make = (genuine: Genuine) => string | Promise<string>
export type Forgery = [title: string, msg: string, make: Make]

const utf8 = (text: string) => new TextEncoder().encode(text)
const show = (value: unknown) => (value === undefined ? 'missing' : JSON.stringify(value))
const extend = (json: object, text: string) => JSON.stringify(json).replace(/}$/, `,${text}}`)
const breakUtf8 = (json: object) =>
  utf8(JSON.stringify(json)).map((byte) => (byte === 63 ? 0xff : byte))

// By the genuine key unless the row is about another.

const named = (title: string, extra: object): Forgery => [
  `header with ${title}`,
  SIGNATURE,
  (g) => remint(g, {}, extra),
]
const alg = (name: unknown) => named(`alg ${show(name)} (RFC 8725 3.1)`, { alg: name })
const kid = (title: string, value: unknown) => named(`kid ${title} (ASVS 9.1.3)`, { kid: value })
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
  `${name} really computed with the same key (RFC 8725 3.1)`,
  SIGNATURE,
  (g) => withHeader(g, JSON.stringify({ ...g.header, alg: name }), { hash }),
]
const selfSigned = (name: 'ES256' | 'EdDSA' | 'RS256'): Forgery => [
  `${name} really computed with a key that its header brings along (RFC 8725 3.10)`,
  SIGNATURE,
  (g) => signByOwnKey(name, g),
]

export const OTHER = 'Another key of 32 bytes, not ours'
const keyed = (title: string, secret: (genuine: Genuine) => string, extra = {}): Forgery => [
  title,
  SIGNATURE,
  (g) => withHeader(g, JSON.stringify({ ...g.header, ...extra }), { secret: secret(g) }),
]
const brought = (extra: object) =>
  keyed(
    `another key, with ${Object.keys(extra).join(' and ')} to find it (RFC 8725 3.10)`,
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
/** Spelled otherwise and signed as it stands, so that nothing but the spelling is wrong. */
const spelled = (title: string, make: (header: string, payload: string) => string): Forgery => [
  `${title}, the MAC over it right (RFC 7515 2)`,
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
  keyed('another key', () => OTHER),
  keyed('an empty key: a NUL gives the same MAC', () => '\0'),
  keyed('its own kid as the key', (g) => String(g.header.kid)),
  keyed('the issuer as the key', () => env.JWT_ISSUER),
  keyed('the key without its last character', () => env.JWT_SECRET.slice(0, -1)),
  brought({ jwk: { kty: 'oct', k: base64url(OTHER) } }),
  brought({ jwk: { kty: 'oct', k: base64url(OTHER), kid: 'mine' }, kid: 'mine' }),
  brought({ jku: 'https://evil.test/jwks.json' }),
  brought({ jku: 'https://evil.test/jwks.json', kid: 'mine' }),
  brought({ x5u: 'https://evil.test/cert.pem' }),
  brought({ x5c: [btoa(OTHER)] }),
  [
    'another key under the kid that is really its own',
    SIGNATURE,
    async (g) => {
      const { kid: own } = await importKey(OTHER)
      return withHeader(g, JSON.stringify({ ...g.header, kid: own }), { secret: OTHER })
    },
  ],
  kid('missing', undefined),
  kid('null', null),
  kid('a number', 1),
  kid('true', true),
  kid('empty', ''),
  kid('a list', ['x']),
  kid('an object', {}),
  kid('of another key', '0123456789abcdef'),
  kid('__proto__', '__proto__'),
  kid('constructor', 'constructor'),
  kid('a path', '../../dev/null'),
  kid('a name of the environment', 'JWT_SECRET'),
  kid('SQL', "' OR 1=1 --"),
  kid('a NUL', '\0'),
  ourKid('of ours in upper case', (own) => own.toUpperCase()),
  ourKid('of the first half of ours', (own) => own.slice(0, 8)),
  ourKid('of ours and a space', (own) => `${own} `),
  ['header with kid of 10 kB', INVALID, (g) => remint(g, {}, { kid: 'x'.repeat(10_000) })],
]

const HEADERS: Forgery[] = [
  named('crit (RFC 7515 4.1.11)', { crit: ['exp'] }),
  named('an empty crit', { crit: [] }),
  named('crit null', { crit: null }),
  named('b64: false (RFC 7797)', { b64: false, crit: ['b64'] }),
  ...['at+jwt', 'JWE', 'JWT ', '', null, 1, ['JWT']].map((typ) =>
    named(`typ ${show(typ)}`, { typ }),
  ),
  ...['["HS256"]', '"HS256"', '256', 'null', 'true', '{}', 'HS256', '{'].map((text) =>
    header(`${text} (RFC 8725 3.7)`, () => text),
  ),
  header('in a list', (g) => JSON.stringify([g.header])),
  header('with text behind it', (g) => `${JSON.stringify(g.header)}x`),
  header('in its prototype', (g) => `{"__proto__":${JSON.stringify(g.header)}}`),
  header('behind a byte order mark', (g) => utf8(`\u{FEFF}${JSON.stringify(g.header)}`)),
  header('in broken UTF-8', (g) => breakUtf8({ ...g.header, x: '?' })),
  header('with a second alg, none', (g) => extend(g.header, '"alg":"none"')),
  header('with a second kid', (g) => extend(g.header, '"kid":"mine"')),
]

const FORMS: Forgery[] = [
  shape('one segment', (first) => first),
  shape('two segments', (first, second) => `${first}.${second}`),
  shape('four segments', (...segments) => [...segments, segments[2]].join('.')),
  shape('five segments, as of a JWE', (...segments) => [...segments, 'a', 'b'].join('.')),
  shape('no header', (_, second, third) => `.${second}.${third}`),
  shape('no payload', (first, _, third) => `${first}..${third}`),
  shape('no signature', (first, second) => `${first}.${second}.`),
  shape('a dot behind', (...segments) => `${segments.join('.')}.`),
  shape('a dot in front', (...segments) => `.${segments.join('.')}`),
  shape('two dots alone', () => '..'),
  shape('a dot alone', () => '.'),
  shape('no dot at all', () => 'token'),
  shape('percent-encoded dots', (...segments) => segments.join('%2E')),
  ...flipped(0, [0, 200, -1]),
  ...flipped(1, [0, 200, -1]),
  ...flipped(2, [0, 200, -1]),
  ['the signature cut short', SIGNATURE, ({ token }) => token.slice(0, -3)],
  ['the signature made longer', SIGNATURE, ({ token }) => `${token.slice(0, -3)}AAAAAA`],
  [
    'the payload of another token',
    SIGNATURE,
    async (g) => g.segments.with(1, toSegments(await remint(g, { sub: 'ada' }))[1]).join('.'),
  ],
  ['the refresh token', REFRESH, ({ refreshToken }) => refreshToken],
  [
    'the access token as a refresh token',
    REFRESH,
    (g) => remint(g, { type: 'refresh', jti: 'a.0' }),
  ],
  spelled('padding after the header', (first, second) => `${pad(first)}.${second}`),
  spelled('padding after the payload', (first, second) => `${first}.${pad(second)}`),
  ['padding after the signature', INVALID, ({ token }) => `${token}=`],
  spelled('unused bits of the header set', (first, second) => `${setUnusedBit(first)}.${second}`),
  spelled('unused bits of the payload set', (first, second) => `${first}.${setUnusedBit(second)}`),
  ['unused bits of the signature set (RFC 4648 3.5)', INVALID, ({ token }) => setUnusedBit(token)],
  [
    'the alphabet of plain base64, the MAC over it right (RFC 7515 2)',
    INVALID,
    ({ segments, claims }) => {
      const second = base64url(JSON.stringify({ ...claims, filler: '??????>>>>>>' }))
      return seal(`${segments[0]}.${second.replaceAll('-', '+').replaceAll('_', '/')}`)
    },
  ],
  spelled('a tab after the header', (first, second) => `${first}\t.${second}`),
  spelled('a tab before the payload', (first, second) => `${first}.\t${second}`),
  spelled('a percent-encoded character', (first, second) => `%65${first.slice(1)}.${second}`),
  ['a percent-encoded newline behind', INVALID, ({ token }) => `${token}%0A`],
  ['a comma behind', INVALID, ({ token }) => `${token},`],
  ['5 kB', INVALID, (g) => remint(g, { filler: 'x'.repeat(5000) })],
  ['100 kB', INVALID, (g) => remint(g, { filler: 'x'.repeat(100_000) })],
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
  edited('a second exp, which has passed', /}$/, ',"exp":1}', EXPIRED),
  edited('a second iss', /}$/, ',"iss":"other"}'),
  edited('a second aud', /}$/, ',"aud":"other"}'),
  edited('a second type', /}$/, ',"type":"refresh"}'),
]

const PAYLOADS: Forgery[] = [
  ...['[]', '"cosmo"', '1', 'null', 'true', '{}'].map((text) => payload(text, () => text)),
  payload('in a list', (g) => JSON.stringify([g.claims])),
  payload('in a string', (g) => JSON.stringify(JSON.stringify(g.claims))),
  payload('in its prototype', (g) => `{"__proto__":${JSON.stringify(g.claims)}}`),
  payload('of 700 nested lists', () => '['.repeat(700) + ']'.repeat(700)),
  payload('that is no JSON', () => 'cosmo', SIGNATURE),
  payload('that is a token', (g) => g.token, SIGNATURE),
  payload('with text behind it', (g) => `${JSON.stringify(g.claims)}x`, SIGNATURE),
  payload('in UTF-16', (g) => [...JSON.stringify(g.claims), ''].join('\0'), SIGNATURE),
  payload('behind a byte order mark', (g) => utf8(`\u{FEFF}${JSON.stringify(g.claims)}`)),
  payload('in broken UTF-8', (g) => breakUtf8({ ...g.claims, sub: '?' })),
]

export const FORGERIES = [...ALGORITHMS, ...KEYS, ...HEADERS, ...FORMS, ...CLAIMS, ...PAYLOADS]
