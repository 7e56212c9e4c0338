import { describe, expect, it, vi } from 'vitest'

import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import {
  type Argon2id,
  COST,
  hashPassword,
  passwordProblem,
  verifyPassword,
} from '../../../src/auth/passwords/hash.ts'

const matches = (stored: string, password: string) =>
  verifyPassword(stored, password, argon2id).matches

describe('a hash of a new password', () => {
  it("has OWASP's cost and a salt of its own (ASVS 11.4.2)", () => {
    const hashes = [1, 2, 3].map(() => hashPassword('space-corgi', argon2id))
    expect(new Set(hashes).size).toBe(3)
    for (const hash of hashes) {
      expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
      expect(verifyPassword(hash, 'space-corgi', argon2id)).toEqual({
        matches: true,
        outdated: false,
      })
    }
  })
})

describe('the whole password counts (ASVS 6.2.8)', () => {
  const password = 'a'.repeat(128)
  const stored = hashPassword(password, argon2id)

  it('all 128 characters are taken', () => expect(matches(stored, password)).toBe(true))

  it.each([1, 65, 73, 128])('character %i of 128 changed is another password', (place) => {
    expect(matches(stored, `${password.slice(0, place - 1)}b${password.slice(place)}`)).toBe(false)
  })

  it.each([
    ['a leading space', ' corgi in space', 'corgi in space'],
    ['a trailing space', 'corgi in space ', 'corgi in space'],
    ['case', 'Corgi in space', 'corgi in space'],
    ['what comes after a NUL', 'corgi\0in space', 'corgi\0elsewhere'],
    ['a NUL at the end', 'corgi in space\0', 'corgi in space'],
    ['the end of one that is not ASCII', 'ééééééé', 'ééééééà'],
    ['compatibility forms (NFC, not NFKC)', 'ﬁsh', 'fish'],
  ])('%s makes another password', (_, one, other) => {
    expect(matches(hashPassword(one, argon2id), one)).toBe(true)
    expect(matches(hashPassword(one, argon2id), other)).toBe(false)
  })

  it('composed and decomposed spellings are the same password (NIST SP 800-63B-4 3.1.1.2)', () => {
    for (const [set, checked] of [
      ['cafe\u0301 au lait', 'caf\u00e9 au lait'],
      ['caf\u00e9 au lait', 'cafe\u0301 au lait'],
    ] as const)
      expect(matches(hashPassword(set, argon2id), checked)).toBe(true)
  })
})

describe('a stored hash that is not usable never matches, and costs one hash like any other:', () => {
  const salt = 'MDEyMzQ1Njc4OWFiY2RlZg'
  const hash = '69I7qCjDTsQwhQqFvpQJiqEI0lGQvxC84fXE0Ktxca4'
  const PASSWORD = 'correct horse battery'
  const stored = (cost: string, from = salt, to = hash) => `$argon2id$v=19$${cost}$${from}$${to}`
  const TODAY = 'm=19456,t=2,p=1'
  const right = stored(TODAY)

  it('the one that these are made from is', () => expect(matches(right, PASSWORD)).toBe(true))

  it.each([
    ['none at all', undefined],
    ['empty', ''],
    ['the password itself', PASSWORD],
    ['no hash', '$argon2id$'],
    ['1 TB of memory', stored('m=999999999,t=2,p=1')],
    ['976 MiB of memory', stored('m=999999,t=2,p=1')],
    ['64 MiB and 1 KiB', stored('m=65537,t=2,p=1')],
    ['memory too little for a lane', stored('m=7,t=2,p=1')],
    ['memory too little for four lanes', stored('m=31,t=2,p=4')],
    ['no memory', stored('m=0,t=2,p=1')],
    ['less than no memory', stored('m=-19456,t=2,p=1')],
    ['memory in hexadecimal', stored('m=0x4c00,t=2,p=1')],
    ['memory with a leading zero', stored('m=019456,t=2,p=1')],
    ['eleven passes', stored('m=19456,t=11,p=1')],
    ['4,294,967,295 passes', stored('m=19456,t=4294967295,p=1')],
    ['no pass', stored('m=19456,t=0,p=1')],
    ['five lanes', stored('m=19456,t=2,p=5')],
    ['1,024 lanes', stored('m=19456,t=2,p=1024')],
    ['no lane', stored('m=19456,t=2,p=0')],
    ['parameters in another order', stored('t=2,m=19456,p=1')],
    ['a parameter more', stored(`${TODAY},keyid=1`)],
    ['a parameter less', stored('m=19456,t=2')],
    ['argon2i', right.replace('argon2id', 'argon2i')],
    ['argon2d', right.replace('argon2id', 'argon2d')],
    ['another case', right.replace('argon2id', 'ARGON2ID')],
    ['an older version', right.replace('v=19', 'v=16')],
    ['no version', right.replace('v=19$', '')],
    ['a salt of 7 bytes', stored(TODAY, salt.slice(0, 10))],
    ['a salt of impossible length', stored(TODAY, salt.slice(0, 13))],
    ['a salt of 65 bytes', stored(TODAY, 'M'.repeat(87))],
    ['a hash of 15 bytes', stored(TODAY, salt, hash.slice(0, 20))],
    ['a hash of impossible length', stored(TODAY, salt, `${hash}AA`)],
    ['a hash of 96 bytes', stored(TODAY, salt, hash.repeat(3))],
    ['an empty salt', stored(TODAY, '')],
    ['an empty hash', stored(TODAY, salt, '')],
    ['padding', `${right}=`],
    ['base64url', right.replace('I', '_')],
    ['a newline behind', `${right}\n`],
    ['a space in front', ` ${right}`],
    ['a second one behind', right + right],
    ['scrypt', '$scrypt$ln=31,r=8,p=1$c2FsdA$aGFzaA'],
    ['PBKDF2', '$pbkdf2-sha256$i=1000000000$c2FsdA$aGFzaA'],
    ['bcrypt', '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW'],
  ])('%s', (_, unusable) => {
    const counted = vi.fn<Argon2id>(argon2id)
    expect(verifyPassword(unusable, PASSWORD, counted).matches).toBe(false)
    expect(counted.mock.calls.map(([, , cost]) => cost)).toEqual([COST])
  })
})

describe('a stored hash of another cost matches, and is outdated:', () => {
  const toBase64 = (raw: Uint8Array) => btoa(String.fromCharCode(...raw)).replaceAll('=', '')
  const utf8 = (text: string) => new TextEncoder().encode(text)
  const judge = (change: object, salt = '0123456789abcdef') => {
    const cost = { ...COST, ...change }
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
  ])('%s', (_, change) => {
    expect(judge(change)).toEqual({ matches: true, outdated: true })
  })

  it.each([
    ['shorter', '8 bytes.'],
    ['longer', '0123456789abcdef0'],
  ])('a %s salt', (_, salt) => {
    expect(judge({}, salt)).toEqual({ matches: true, outdated: true })
  })

  it("today's is not", () => expect(judge({})).toEqual({ matches: true, outdated: false }))
})

describe('a new password', () => {
  const problem = (password: string, { username = 'cosmo', minLength = 15 } = {}) =>
    passwordProblem(password, { username, minLength })

  it.each([
    ['15 characters (ASVS 6.2.1)', 'x'.repeat(15)],
    ['15 emoji: code points, not UTF-16 units', '🔑'.repeat(15)],
    ['15 that are 16 in NFD', `${'x'.repeat(14)}\u00e9`],
    ['64 characters (ASVS 6.2.9)', 'x'.repeat(64)],
    ['128 characters', 'x'.repeat(128)],
    ['128 emoji, though they are 512 bytes', '🔑'.repeat(128)],
    ['lower case only (ASVS 6.2.5)', 'lowercaseletters'],
    ['digits only', '314159265358979'],
    ['spaces only', ' '.repeat(15)],
    ['words with spaces around them', ' three words in it '],
    ['one with a NUL', 'three word\0 pass'],
    ['one with control characters', 'line one\nline two\t'],
  ])('may be %s', (_, password) => expect(problem(password)).toBeUndefined())

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
    ['15 that are 14 in NFC', `${'x'.repeat(13)}e\u0301`, 'Shorter than minimum length 15.'],
    ['129 characters', 'x'.repeat(129), 'Longer than maximum length 128.'],
    ['129 emoji', '🔑'.repeat(129), 'Longer than maximum length 128.'],
    ['one with the username in it (ASVS 6.2.11)', 'my name is cosmo', 'Contains the username.'],
    ['one with it in another case', 'my name is COSMO', 'Contains the username.'],
  ])('must not be %s', (_, password, text) => expect(problem(password)).toBe(text))

  it('may hold a username of three characters: too many words do', () => {
    expect(problem('bandages in the attic', { username: 'ada' })).toBeUndefined()
    expect(problem('adam and the attic', { username: 'adam' })).toBe('Contains the username.')
  })

  it('is as long as the setting says', () => {
    expect(problem('12345678', { minLength: 8 })).toBeUndefined()
    expect(problem('1234567', { minLength: 8 })).toBe('Shorter than minimum length 8.')
  })
})
