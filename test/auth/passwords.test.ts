import Argon2 from '@phi-ag/argon2'
import module from '@phi-ag/argon2/argon2.wasm'
import { describe, expect, it, vi } from 'vitest'

import { argon2id } from '../../src/auth/argon2.ts'
import {
  type Argon2id,
  COST,
  hashPassword,
  passwordProblem,
  verifyPassword,
} from '../../src/auth/passwords.ts'
import vectors from '../vectors/argon2.json'

const matches = (stored: string, password: string) =>
  verifyPassword(stored, password, argon2id).matches

describe('argon2id agrees with published vectors and with independent implementations (RFC 9106)', () => {
  it.each(vectors)('$password $phc', ({ password, phc }) => {
    expect(matches(phc, password)).toBe(true)
    expect(matches(phc, `${password}.`)).toBe(false)
  })
})

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

  it('leaves nothing of the password in the memory of the module', () => {
    const instance = vi.spyOn(WebAssembly, 'Instance')
    expect(matches(hashPassword('a password to look for', argon2id), 'another')).toBe(false)
    expect(instance).not.toHaveBeenCalled() // the one of this isolate is used again
  })
})

describe('the whole password counts (ASVS 6.2.8)', () => {
  const password = 'a'.repeat(128)
  const stored = hashPassword(password, argon2id)

  it.each([1, 65, 73, 128])('character %i of 128 changed is another password', (place) => {
    expect(matches(stored, `${password.slice(0, place - 1)}b${password.slice(place)}`)).toBe(false)
  })

  it.each([
    ['a leading space', ' corgi in space', 'corgi in space'],
    ['a trailing space', 'corgi in space ', 'corgi in space'],
    ['case', 'Corgi in space', 'corgi in space'],
    ['what comes after a NUL', 'corgi\0in space', 'corgi\0elsewhere'],
    ['the end of one that is not ASCII', 'ééééééé', 'ééééééà'],
    ['compatibility forms (NFC, not NFKC)', 'ﬁsh', 'fish'],
  ])('%s makes another password', (_, one, other) => {
    expect(matches(hashPassword(one, argon2id), one)).toBe(true)
    expect(matches(hashPassword(one, argon2id), other)).toBe(false)
  })

  it("the package's own wrapper would cut one that is not ASCII short: the reason for ours", () => {
    const { encoded } = new Argon2(new WebAssembly.Instance(module)).hash('ééééééé', {
      memoryCost: 64,
    })
    const cut = new Argon2(new WebAssembly.Instance(module)).tryVerify(encoded, 'ééééà')
    expect([cut.success, matches(encoded, 'ééééééé')]).not.toEqual([false, true])
  })

  it('composed and decomposed spellings are the same password (NIST SP 800-63B-4 3.1.1.2)', () => {
    expect(matches(hashPassword('cafe\u0301 au lait', argon2id), 'caf\u00e9 au lait')).toBe(true)
  })
})

describe('a stored hash that is not usable never matches, and costs one hash like any other', () => {
  const salt = 'MDEyMzQ1Njc4OWFiY2RlZg'
  const hash = '69I7qCjDTsQwhQqFvpQJiqEI0lGQvxC84fXE0Ktxca4'
  it.each([
    ['none at all', undefined],
    ['empty', ''],
    ['the password itself', 'space-corgi'],
    ['too much memory', `$argon2id$v=19$m=999999,t=2,p=1$${salt}$${hash}`],
    ['64 MiB and 1 KiB', `$argon2id$v=19$m=65537,t=2,p=1$${salt}$${hash}`],
    ['too little memory', `$argon2id$v=19$m=7,t=2,p=1$${salt}$${hash}`],
    ['eleven passes', `$argon2id$v=19$m=19456,t=11,p=1$${salt}$${hash}`],
    ['no pass', `$argon2id$v=19$m=19456,t=0,p=1$${salt}$${hash}`],
    ['five lanes', `$argon2id$v=19$m=19456,t=2,p=5$${salt}$${hash}`],
    ['argon2i', `$argon2i$v=19$m=19456,t=2,p=1$${salt}$${hash}`],
    ['argon2d', `$argon2d$v=19$m=19456,t=2,p=1$${salt}$${hash}`],
    ['an older version', `$argon2id$v=16$m=19456,t=2,p=1$${salt}$${hash}`],
    ['a salt of impossible length', `$argon2id$v=19$m=19456,t=2,p=1$${salt.slice(0, 13)}$${hash}`],
    ['a hash of impossible length', `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${hash}AA`],
    ['a long hash', `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${hash.repeat(3)}`],
    ['another alphabet', `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${hash.replace('I', '_')}`],
    ['scrypt', '$scrypt$ln=31,r=8,p=1$c2FsdA$aGFzaA'],
    ['PBKDF2', '$pbkdf2-sha256$i=1000000000$c2FsdA$aGFzaA'],
  ])('%s', (_, stored) => {
    const counted = vi.fn<Argon2id>(argon2id)
    expect(verifyPassword(stored, 'space-corgi', counted).matches).toBe(false)
    expect(counted.mock.calls.map(([, , cost]) => cost)).toEqual([COST])
  })
})

describe('a stored hash of another cost matches, and is outdated:', () => {
  it.each([
    ['memory', { ...COST, memoryKib: 65_536 }],
    ['passes', { ...COST, passes: 3 }],
    ['lanes', { ...COST, lanes: 2 }],
    ['length', { ...COST, hashLength: 16 }],
  ])('%s', (_, cost) => {
    const salt = new TextEncoder().encode('0123456789abcdef')
    const bytes = argon2id(new TextEncoder().encode('space-corgi'), salt, cost)
    const base64 = (raw: Uint8Array) => btoa(String.fromCharCode(...raw)).replaceAll('=', '')
    const parameters = `m=${cost.memoryKib},t=${cost.passes},p=${cost.lanes}`
    const stored = `$argon2id$v=19$${parameters}$${base64(salt)}$${base64(bytes)}`
    expect(verifyPassword(stored, 'space-corgi', argon2id)).toEqual({
      matches: true,
      outdated: true,
    })
  })
})

describe('a new password', () => {
  const problem = (password: string, minLength = 15) =>
    passwordProblem(password, { username: 'cosmo', minLength })

  it.each([
    ['15 characters (ASVS 6.2.1)', 'x'.repeat(15)],
    ['15 emoji: code points, not UTF-16 units', '🔑'.repeat(15)],
    ['64 characters (ASVS 6.2.9)', 'x'.repeat(64)],
    ['128 characters', 'x'.repeat(128)],
    ['digits only (ASVS 6.2.5)', '314159265358979'],
    ['spaces and a NUL', 'three word\0 pass'],
  ])('may be %s', (_, password) => expect(problem(password)).toBeUndefined())

  it.each([
    ['14 characters', 'x'.repeat(14), 'Shorter than minimum length 15.'],
    ['8 emoji, though they are 16 UTF-16 units', '🔑'.repeat(8), 'Shorter than minimum length 15.'],
    ['15 that are 14 in NFC', `${'x'.repeat(13)}e\u0301`, 'Shorter than minimum length 15.'],
    ['129 characters', 'x'.repeat(129), 'Longer than maximum length 128.'],
    ['one with the username in it (ASVS 6.2.11)', 'my name is COSMO', 'Contains the username.'],
  ])('must not be %s', (_, password, text) => expect(problem(password)).toBe(text))
})
