import { describe, expect, it } from 'vitest'

import { parseUserFile } from '../../../src/cli/users/user-file.ts'
import { toCells, toRow } from '../../../src/cli/users/user-row.ts'
import { formatCsv } from '../../../src/cli/users/csv.ts'
import vectors from '../../vectors/scrypt.json'

const [{ hash: HASH = '' } = {}] = vectors
const ROLES =
  'roles: at most 50 roles of 1 to 64 characters and 1024 bytes in all, without control characters, quotes and backslashes'
const csv = (...lines: string[]) => parseUserFile(lines.join('\n'))
const ada = (change: object = {}) => ({
  username: 'ada',
  passwordHash: HASH,
  roles: [],
  createdAt: undefined,
  disabledAt: null,
  ...change,
})

describe('parseUserFile reads users from', () => {
  it.each([
    ['CSV', `username,password_hash\nada,${HASH}\n`, 'line 2', {}],
    ['CSV with its columns in another order', `password_hash,username\n${HASH},ada`, 'line 2', {}],
    [
      'CSV with all columns',
      `username,password_hash,roles,created_at,disabled_at\nada,${HASH},admin editor,1714564800,1714564801`,
      'line 2',
      { roles: ['admin', 'editor'], createdAt: 1_714_564_800, disabledAt: 1_714_564_801 },
    ],
    [
      'CSV with empty cells',
      `username,password_hash,roles,created_at,disabled_at\nada,${HASH},,,`,
      'line 2',
      {},
    ],
    ['a JSON array', JSON.stringify([{ username: 'ada', password_hash: HASH }]), 'entry 1', {}],
    [
      'JSON with all keys',
      JSON.stringify([
        {
          username: 'ada',
          password_hash: HASH,
          roles: ['role of words'],
          created_at: 1,
          disabled_at: null,
        },
      ]),
      'entry 1',
      { roles: ['role of words'], createdAt: 1 },
    ],
    [
      'JSON lines with an empty line and CRLF',
      `\r\n${JSON.stringify({ username: 'ada', password_hash: HASH })}\r\n`,
      'line 2',
      {},
    ],
    [
      'a decomposed name, composed',
      `username,password_hash\nzoe\u0308,${HASH}`,
      'line 2',
      { username: 'zo\u00EB' },
    ],
  ])('%s', (_, text, at, change) => {
    expect(parseUserFile(text)).toEqual({ entries: [{ at, user: ada(change) }], rejections: [] })
  })

  it('every hash of the test vectors is accepted', () => {
    const rows = vectors.map(({ hash }, index) => ({
      username: `user${index}`,
      password_hash: hash,
    }))
    expect(parseUserFile(JSON.stringify(rows)).entries).toHaveLength(vectors.length)
  })
})

describe('an invalid line is rejected with its number and the reason, never its hash:', () => {
  const PBKDF2 =
    '$9saP1i97STJSp1Q0$1ebb9ce9c5f75c26cab9624c9aae7838323abd9c1a949d6cbbfbd34bb8b07295'
  const MANY =
    'password_hash: is PBKDF2 with more than 100,000 iterations, which Cloudflare does not support in production'
  const FEW =
    'password_hash: is PBKDF2 with at most 100,000 iterations, which is too weak: OWASP recommends 600,000'
  const TOO_MUCH = 'password_hash: is malformed, or needs more than 64 MiB of memory'
  const UNKNOWN =
    "password_hash: is not a supported hash. Supported are Werkzeug's scrypt, and argon2id or scrypt as PHC strings"

  it.each([
    ["Werkzeug's PBKDF2", `pbkdf2:sha256:1000000${PBKDF2}`, MANY],
    ["older Werkzeug's PBKDF2", `pbkdf2:sha256:260000${PBKDF2}`, MANY],
    ['PBKDF2 as a PHC string', '$pbkdf2-sha512$i=600000$c2FsdA$aGFzaA', MANY],
    ["Django's PBKDF2", `pbkdf2_sha256$870000${PBKDF2}`, MANY],
    ['PBKDF2 of 100,001', `pbkdf2:sha256:100001${PBKDF2}`, MANY],
    ['PBKDF2 of 100,000', `pbkdf2:sha256:100000${PBKDF2}`, FEW],
    [
      "passlib's PBKDF2",
      '$pbkdf2-sha256$29000$PIdwrhXiXKuVsvY.R2jN2Q$1akqp03PqZWqj5MmXq5R5pccvFrGwgTOl8KqYW9QTCg',
      FEW,
    ],
    ['PBKDF2 of nothing', `pbkdf2:sha256${PBKDF2}`, FEW],
    [
      'bcrypt',
      '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW',
      'password_hash: is bcrypt, which is not supported',
    ],
    [
      'argon2i',
      '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      'password_hash: is argon2i or argon2d: only argon2id is supported',
    ],
    ['scrypt of 128 MiB', `$scrypt$ln=17,r=8,p=1$c29tZXNhbHQ$${'A'.repeat(43)}`, TOO_MUCH],
    ['a hash cut short', HASH.slice(0, 128), TOO_MUCH],
    [
      'argon2id of 1 GiB',
      '$argon2id$v=19$m=999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      TOO_MUCH,
    ],
    ['a salted SHA-256', 'sha256$uNu05ZYWUyftGJAK$bd083d3d09e6353afa745f104888f412', UNKNOWN],
    ['MD5', '5f4dcc3b5aa765d61d8327deb882cf99', UNKNOWN],
    ['the password itself', 'correct horse battery', UNKNOWN],
    ['an empty string', '', UNKNOWN],
  ])('%s', (_, hash, reason) => {
    const { entries, rejections } = csv('username,password_hash', `bob,${HASH}`, `ada,"${hash}"`)
    expect(entries).toHaveLength(1)
    expect(rejections).toEqual([
      {
        at: 'line 3',
        username: 'ada',
        reason,
        hash: expect.stringMatching(/^(PBKDF2|bcrypt|argon2 or scrypt|empty|other)$/),
      },
    ])
    expect(JSON.stringify(rejections)).not.toContain(hash.slice(-20) || HASH)
  })

  it.each([
    ['an empty name', `,${HASH}`, undefined, 'username: Shorter than minimum length 1.'],
    [
      'a long name',
      `${'x'.repeat(65)},${HASH}`,
      undefined,
      'username: Longer than maximum length 64.',
    ],
    [
      'a terminal command in the name',
      `\u001B[2J,${HASH}`,
      undefined,
      'username: Contains a control or invisible character.',
    ],
    [
      'a space before the name',
      ` ada,${HASH}`,
      undefined,
      'username: Begins or ends with whitespace.',
    ],
    ['a row with one cell too few', 'ada', 'ada', 'has 1 cells, but the first line has 2'],
    [
      'a row with one cell too many',
      `ada,${HASH},admin`,
      'ada',
      'has 3 cells, but the first line has 2',
    ],
    [
      'the hash in place of the name',
      '$2b$12$R9h/cIPz0gi.URNNX3kh2O,ada',
      undefined,
      expect.stringMatching(/^password_hash: is not a supported hash/),
    ],
  ])('%s', (_, line, username, reason) => {
    expect(csv('username,password_hash', line)).toEqual({
      entries: [],
      rejections: [{ at: 'line 2', username, reason }],
    })
  })

  it.each([
    ['roles that are not a list', { roles: 'admin' }, 'roles: Not a valid list.'],
    ['roles that are not strings', { roles: [1] }, ROLES],
    ['an empty role', { roles: [''] }, ROLES],
    ['a role with a line break', { roles: ['a\nb'] }, ROLES],
    ['a role with a quote', { roles: ['a"b'] }, ROLES],
    ['a role with a backslash', { roles: ['a\\b'] }, ROLES],
    [
      '51 roles',
      { roles: Array.from({ length: 51 }, String) },
      'roles: Longer than maximum length 50.',
    ],
    [
      'a time that is not a number',
      { created_at: '2024-05-01' },
      'created_at: must be a Unix time in seconds',
    ],
    [
      'a time in milliseconds',
      { created_at: 1_714_564_800_000 },
      'created_at: must be a Unix time in seconds',
    ],
    ['a time before 1970', { disabled_at: -1 }, 'disabled_at: must be a Unix time in seconds'],
    ['half a second', { disabled_at: 0.5 }, 'disabled_at: must be a Unix time in seconds'],
    [
      'an unknown key',
      { email: 'a@b' },
      'contains something other than username, password_hash, roles, created_at, disabled_at',
    ],
    ['a name that is a number', { username: 1 }, 'username: Not a valid string.'],
    ['half an emoji as a name', { username: '\uD83D' }, 'username: Not a valid string.'],
    ['no hash', { password_hash: undefined }, 'password_hash: is missing'],
    ['a hash that is null', { password_hash: null }, 'password_hash: must be a string'],
  ])('%s', (_, change, reason) => {
    const row = { username: 'ada', password_hash: HASH, ...change }
    const { entries, rejections } = parseUserFile(JSON.stringify([row]))
    expect(entries).toEqual([])
    expect(rejections).toMatchObject([{ at: 'entry 1', reason }])
  })

  it.each(['1', 'null', '"ada"', '[]'])(
    'the array entry %s is rejected because it is not an object',
    (entry) => {
      expect(parseUserFile(`[${entry}]`).rejections).toMatchObject([
        { at: 'entry 1', reason: 'is not an object' },
      ])
    },
  )

  it('a line that is not JSON is rejected, and the valid lines are accepted', () => {
    const good = JSON.stringify({ username: 'ada', password_hash: HASH })
    const { entries, rejections } = csv(good, `{"username":"bob","password_hash":"${HASH}"`)
    expect(entries).toHaveLength(1)
    expect(rejections).toEqual([{ at: 'line 2', username: undefined, reason: 'is not valid JSON' }])
  })

  it('a name that occurs twice is rejected, also in another case or Unicode form', () => {
    const names = ['zo\u00EB', 'ada', 'Ada', 'zoe\u0308', 'ZO\u00CB']
    const { entries, rejections } = csv(
      'username,password_hash',
      ...names.map((name) => `${name},${HASH}`),
    )
    expect(entries.map(({ user }) => user.username)).toEqual(['zo\u00EB', 'ada'])
    expect(rejections).toEqual([
      {
        at: 'line 4',
        username: 'Ada',
        reason: 'username: differs only in case from that of line 3',
      },
      { at: 'line 5', username: 'zo\u00EB', reason: 'username: is the same as that of line 2' },
      {
        at: 'line 6',
        username: 'ZO\u00CB',
        reason: 'username: differs only in case from that of line 2',
      },
    ])
  })

  it('a row with a key of Object.prototype is rejected (ASVS 15.3.6)', () => {
    const text = `[{"username":"ada","password_hash":"${HASH}","__proto__":{"roles":["admin"]}}]`
    expect(parseUserFile(text).rejections).toHaveLength(1)
  })
})

describe('a file without users is rejected as a whole, and its text is not repeated:', () => {
  const HEADER = 'The first line must name the columns'

  it.each([
    ['no header', `ada,${HASH}`, HEADER],
    ['no column of hashes', 'username,roles\nada,admin', HEADER],
    ['an unknown column, by its name', 'username,password_hash,email\n', 'Unknown: email.'],
    ['a column twice', 'username,password_hash,username\n', HEADER],
    ['an empty file', '', HEADER],
    [
      'a JSON array that is cut off',
      `[{"username":"ada","password_hash":"${HASH}"`,
      'is not valid JSON',
    ],
  ])('%s', (_, text, message) => {
    expect(() => parseUserFile(text)).toThrow(message)
    expect(() => parseUserFile(text)).not.toThrow(HASH.slice(-20))
  })
})

it.each([
  { username: 'ada', roles: [], disabledAt: null },
  { username: 'O"Brien, Pat', roles: ['admin', 'editor'], disabledAt: 5 },
  { username: 'zoë 🔑', roles: ['role of words', '[', "'"], disabledAt: 0 },
  { username: 'bob', roles: ['{x}', '{'], disabledAt: null },
])('a user is the same after writing and reading: $username', (change) => {
  const user = { id: 1, passwordHash: HASH, createdAt: 1_714_564_800, ...change }
  const { id: _, ...expected } = user
  const asCsv = csv('username,password_hash,roles,created_at,disabled_at', formatCsv(toCells(user)))
  expect(asCsv.entries.map((entry) => entry.user)).toEqual([expected])
  const asJson = parseUserFile(JSON.stringify([toRow(user)]))
  expect(asJson.entries.map((entry) => entry.user)).toEqual([expected])
})

it.each([
  ['2024-05-01 12:00:00+00', 1_714_564_800],
  ['2024-05-01T12:00:00Z', 1_714_564_800],
  ['2024-05-01 12:00', 1_714_564_800],
  ['2024-05-01 17:30:00.999+05:30', 1_714_564_800],
  ['2024-05-01 08:00:00-0400', 1_714_564_800],
  ['1714564800.75', 1_714_564_800],
  ['2024-05-01', undefined],
  ['2024-13-01 12:00', undefined],
  ['01.05.2024 12:00', undefined],
  ['1969-12-31 23:59:59Z', undefined],
  ['1.714E+09', undefined],
])('the time %s is read as %s', (time, expected) => {
  const { entries } = csv('username,password_hash,created_at', `ada,${HASH},${time}`)
  expect(entries.map(({ user }) => user.createdAt)).toEqual(expected ? [expected] : [])
})

it.each([
  ['{}', []],
  ['{admin}', ['admin']],
  ['{admin,of}', ['admin', 'of']],
  [String.raw`{"a,b","c"}`, ['a,b', 'c']],
])('the Postgres array %s contains these roles: %j', (roles, expected) => {
  const { entries } = csv('username;password_hash;roles', `ada;${HASH};${formatCsv([roles])}`)
  expect(entries.map(({ user }) => user.roles)).toEqual([expected])
})
