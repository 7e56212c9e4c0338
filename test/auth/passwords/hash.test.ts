import { describe, expect, it, vi } from 'vitest'

import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import { type Argon2id, hashPassword, verifyPassword } from '../../../src/auth/passwords/hash.ts'
import { validateNewPassword } from '../../../src/auth/passwords/rules.ts'
import { isolate } from '../../helpers.ts'

/** OWASP's first choice for argon2id. */
const ARGON2ID_PARAMS = { memoryKib: 19_456, passes: 2, lanes: 1, hashLength: 32 }

const matches = (stored: string, password: string) =>
  verifyPassword(stored, password, argon2id).matches

describe('a hash of a new password', () => {
  it("a new hash has OWASP's recommended parameters and a unique salt (ASVS 11.4.2)", () => {
    const hashes = [1, 2, 3].map(() => hashPassword('space-corgi', argon2id))
    expect(new Set(hashes).size).toBe(3)
    for (const hash of hashes) {
      expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
      expect(verifyPassword(hash, 'space-corgi', argon2id)).toEqual({
        matches: true,
        needsRehash: false,
      })
    }
  })
})

describe('the whole password is compared (ASVS 6.2.8)', () => {
  const password = 'a'.repeat(128)
  const stored = hashPassword(password, argon2id)

  it('a password of 128 characters is accepted', () => expect(matches(stored, password)).toBe(true))

  it.each([1, 65, 73, 128])(
    'a password with character %i of 128 changed does not match',
    (position) => {
      expect(
        matches(stored, `${password.slice(0, position - 1)}b${password.slice(position)}`),
      ).toBe(false)
    },
  )

  it.each([
    ['a leading space', ' corgi in space', 'corgi in space'],
    ['a trailing space', 'corgi in space ', 'corgi in space'],
    ['upper and lower case', 'Corgi in space', 'corgi in space'],
    ['the characters after a NUL', 'corgi\0in space', 'corgi\0elsewhere'],
    ['a NUL at the end', 'corgi in space\0', 'corgi in space'],
    ['the end of a non-ASCII password', 'ééééééé', 'ééééééà'],
    ['compatibility forms (NFC, not NFKC)', 'ﬁsh', 'fish'],
  ])('%s makes a difference', (_, one, other) => {
    expect(matches(hashPassword(one, argon2id), one)).toBe(true)
    expect(matches(hashPassword(one, argon2id), other)).toBe(false)
  })

  it('composed and decomposed Unicode forms are the same password (NIST SP 800-63B-4 3.1.1.2)', () => {
    for (const [set, checked] of [
      ['cafe\u0301 au lait', 'caf\u00e9 au lait'],
      ['caf\u00e9 au lait', 'cafe\u0301 au lait'],
    ] as const)
      expect(matches(hashPassword(set, argon2id), checked)).toBe(true)
  })
})

describe('an unsupported stored hash never matches and costs one dummy hash', () => {
  const salt = 'MDEyMzQ1Njc4OWFiY2RlZg'
  const hash = '69I7qCjDTsQwhQqFvpQJiqEI0lGQvxC84fXE0Ktxca4'
  const PASSWORD = 'correct horse battery'
  const stored = (cost: string, from = salt, to = hash) => `$argon2id$v=19$${cost}$${from}$${to}`
  const CURRENT = 'm=19456,t=2,p=1'
  const valid = stored(CURRENT)

  it('the valid hash that the unsupported ones are derived from matches', () =>
    expect(matches(valid, PASSWORD)).toBe(true))

  it.each([
    ['a missing hash', undefined],
    ['an empty string', ''],
    ['the password itself', PASSWORD],
    ['the prefix only', '$argon2id$'],
    ['1 TB of memory', stored('m=999999999,t=2,p=1')],
    ['976 MiB of memory', stored('m=999999,t=2,p=1')],
    ['64 MiB and 1 KiB of memory', stored('m=65537,t=2,p=1')],
    ['too little memory for one lane', stored('m=7,t=2,p=1')],
    ['too little memory for four lanes', stored('m=31,t=2,p=4')],
    ['zero memory', stored('m=0,t=2,p=1')],
    ['negative memory', stored('m=-19456,t=2,p=1')],
    ['memory in hexadecimal', stored('m=0x4c00,t=2,p=1')],
    ['memory with a leading zero', stored('m=019456,t=2,p=1')],
    ['eleven passes', stored('m=19456,t=11,p=1')],
    ['4,294,967,295 passes', stored('m=19456,t=4294967295,p=1')],
    ['zero passes', stored('m=19456,t=0,p=1')],
    ['five lanes', stored('m=19456,t=2,p=5')],
    ['1,024 lanes', stored('m=19456,t=2,p=1024')],
    ['zero lanes', stored('m=19456,t=2,p=0')],
    ['parameters in another order', stored('t=2,m=19456,p=1')],
    ['an additional parameter', stored(`${CURRENT},keyid=1`)],
    ['a missing parameter', stored('m=19456,t=2')],
    ['argon2i', valid.replace('argon2id', 'argon2i')],
    ['argon2d', valid.replace('argon2id', 'argon2d')],
    ['an upper-case algorithm name', valid.replace('argon2id', 'ARGON2ID')],
    ['an older version', valid.replace('v=19', 'v=16')],
    ['no version', valid.replace('v=19$', '')],
    ['a salt of 7 bytes', stored(CURRENT, salt.slice(0, 10))],
    ['a salt with an impossible base64 length', stored(CURRENT, salt.slice(0, 13))],
    ['a salt of 65 bytes', stored(CURRENT, 'M'.repeat(87))],
    ['a hash of 15 bytes', stored(CURRENT, salt, hash.slice(0, 20))],
    ['a hash with an impossible base64 length', stored(CURRENT, salt, `${hash}AA`)],
    ['a hash of 96 bytes', stored(CURRENT, salt, hash.repeat(3))],
    ['an empty salt', stored(CURRENT, '')],
    ['an empty hash', stored(CURRENT, salt, '')],
    ['padding', `${valid}=`],
    ['base64url', valid.replace('I', '_')],
    ['a trailing newline', `${valid}\n`],
    ['a leading space', ` ${valid}`],
    ['two hashes in one string', valid + valid],
    ['a scrypt hash with ln=31', '$scrypt$ln=31,r=8,p=1$c2FsdA$aGFzaA'],
    ['a PBKDF2 hash', '$pbkdf2-sha256$i=1000000000$c2FsdA$aGFzaA'],
    ['a bcrypt hash', '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW'],
  ])('%s does not match', (_, unsupported) => {
    const counted = vi.fn<Argon2id>(argon2id)
    expect(verifyPassword(unsupported, PASSWORD, counted).matches).toBe(false)
    expect(counted.mock.calls.map(([, , cost]) => cost)).toEqual([ARGON2ID_PARAMS])
  })
})

describe('a stored hash with other parameters still matches and needs a rehash:', () => {
  const toBase64 = (raw: Uint8Array) => btoa(String.fromCharCode(...raw)).replaceAll('=', '')
  const utf8 = (text: string) => new TextEncoder().encode(text)
  const verifyWith = (change: object, salt = '0123456789abcdef') => {
    const cost = { ...ARGON2ID_PARAMS, ...change }
    const hash = toBase64(argon2id(utf8('space-corgi'), utf8(salt), cost))
    const parameters = `m=${cost.memoryKib},t=${cost.passes},p=${cost.lanes}`
    const stored = `$argon2id$v=19$${parameters}$${toBase64(utf8(salt))}$${hash}`
    return verifyPassword(stored, 'space-corgi', argon2id)
  }

  it.each([
    ['more memory', { memoryKib: 65_536 }],
    ['less memory', { memoryKib: 12_288 }],
    ['more passes', { passes: 3 }],
    ['fewer passes', { passes: 1 }],
    ['more lanes', { lanes: 2 }],
    ['a longer hash', { hashLength: 64 }],
    ['a shorter hash', { hashLength: 16 }],
  ])('a hash with %s', (_, change) => {
    expect(verifyWith(change)).toEqual({ matches: true, needsRehash: true })
  })

  it.each([
    ['shorter', '8 bytes.'],
    ['longer', '0123456789abcdef0'],
  ])('a hash with a %s salt', (_, salt) => {
    expect(verifyWith({}, salt)).toEqual({ matches: true, needsRehash: true })
  })

  it('a hash with the current parameters needs no rehash', () =>
    expect(verifyWith({})).toEqual({ matches: true, needsRehash: false }))
})

describe('a new password', () => {
  const withMinLength = (length: number) => ({
    db: isolate().db,
    settings: { ...isolate().settings, PASSWORD_MIN_LENGTH: length },
  })
  const validate = (password: string, { username = 'cosmo', minLength = 15 } = {}) =>
    validateNewPassword(withMinLength(minLength), password, username)

  it.each([
    ['15 characters (ASVS 6.2.1)', 'x'.repeat(15)],
    ['15 emoji: code points, not UTF-16 units', '🔑'.repeat(15)],
    ['15 characters that are 16 in NFD', `${'x'.repeat(14)}\u00e9`],
    ['64 characters (ASVS 6.2.9)', 'x'.repeat(64)],
    ['128 characters', 'x'.repeat(128)],
    ['128 emoji, though they are 512 bytes', '🔑'.repeat(128)],
    ['lower-case letters only (ASVS 6.2.5)', 'lowercaseletters'],
    ['digits only', '271809818281045'],
    ['spaces only', ' '.repeat(15)],
    ['words with leading and trailing spaces', ' three words in it '],
    ['a string with a NUL', 'three word\0 pass'],
    ['a string with control characters', 'line one\nline two\t'],
  ])('a new password may be %s', async (_, password) =>
    expect(await validate(password)).toBeUndefined(),
  )

  it.each([
    ['empty', '', 'Shorter than minimum length 15.'],
    ['14 characters', 'x'.repeat(14), 'Shorter than minimum length 15.'],
    ['14 emoji', '🔑'.repeat(14), 'Shorter than minimum length 15.'],
    ['8 emoji, though they are 16 UTF-16 units', '🔑'.repeat(8), 'Shorter than minimum length 15.'],
    [
      '7 emoji and a letter, 15 UTF-16 units',
      `${'🔑'.repeat(7)}x`,
      'Shorter than minimum length 15.',
    ],
    [
      '15 characters that are 14 in NFC',
      `${'x'.repeat(13)}e\u0301`,
      'Shorter than minimum length 15.',
    ],
    ['129 characters', 'x'.repeat(129), 'Longer than maximum length 128.'],
    ['129 emoji', '🔑'.repeat(129), 'Longer than maximum length 128.'],
    [
      'a string that contains the username (ASVS 6.2.11)',
      'my name is cosmo',
      'Contains the username.',
    ],
    [
      'a string that contains the username in another case',
      'my name is COSMO',
      'Contains the username.',
    ],
  ])('a new password must not be %s', async (_, password, message) =>
    expect(await validate(password)).toBe(message),
  )

  it('a new password may contain a username of three characters, because too many words do', async () => {
    expect(await validate('bandages in the attic', { username: 'ada' })).toBeUndefined()
    expect(await validate('adam and the attic', { username: 'adam' })).toBe(
      'Contains the username.',
    )
  })

  it.each([
    ['straße', 'THE STRASSE IS LONG'],
    ['STRASSE', 'the straße is long'],
    ['GROẞ', 'something gross in here'],
    ['ὀδυσσεύς', 'ΟΔΥΣΣΕΎΣ ὈΔΥΣΣΕΎΣ'],
    ['ﬁnn the cat', 'call me FINN THE CAT'],
    ['zoe\u0308!', 'my name is ZO\u00cb!'],
    ['\u212aate', 'my name is KATE, hello'],
    ['\u0130lker', 'my name is i\u0307LKER'],
  ])('a new password must not contain the username in any case: %s', async (username, password) => {
    expect(await validate(password, { username: username.normalize('NFC') })).toBe(
      'Contains the username.',
    )
  })

  it('a new password must be at least as long as the setting requires', async () => {
    expect(await validate('83619274', { minLength: 8 })).toBeUndefined()
    expect(await validate('8361927', { minLength: 8 })).toBe('Shorter than minimum length 8.')
  })
})
