import { insertUser } from '../../../src/db/user-changes.ts'
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'

import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import { type Argon2id, isSupportedHash, verifyPassword } from '../../../src/auth/passwords/hash.ts'
import { listUsers } from '../../../src/db/users.ts'
import { now, postJson } from '../../helpers.ts'
import vectors from '../../vectors/scrypt.json'

/** OWASP's first choice for argon2id. */
const ARGON2ID_PARAMS = { memoryKib: 19_456, passes: 2, lanes: 1, hashLength: 32 }

const werkzeugVectors = vectors.filter(({ from }) => from.startsWith('Werkzeug'))

describe('scrypt agrees with published vectors, with Werkzeug and with passlib (RFC 7914 12)', () => {
  it.each(vectors)('$from: $hash', ({ password, hash }) => {
    const verify = (attempt: string) => verifyPassword(hash, attempt, argon2id)
    expect(isSupportedHash(hash)).toBe(true)
    expect(verify(password)).toEqual({ matches: true, needsRehash: true })
    expect(verify(`${password}.`)).toEqual({ matches: false, needsRehash: true })
    expect(verify(password.slice(1)).matches).toBe(false)
  })

  it('the vectors come from four sources', () => {
    const sources = vectors.map(({ from }) => from)
    expect(new Set(sources)).toEqual(
      new Set(['Werkzeug 3.1.8', 'RFC 7914 12', 'hashlib of Python 3.11.7', 'passlib']),
    )
    expect(werkzeugVectors.length).toBeGreaterThan(10)
  })
})

describe('a malformed or too expensive scrypt hash never matches and costs one argon2id dummy hash', () => {
  const [{ hash: right = '', password = '' } = {}] = werkzeugVectors
  const [, salt = '', hex = ''] = right.split('$')
  const werkzeug = (cost: string) => `scrypt:${cost}$${salt}$${hex}`
  const phc = (cost: string, from = 'c29tZXNhbHQ', to = 'A'.repeat(43)) =>
    `$scrypt$${cost}$${from}$${to}`

  it('the valid hashes that the others are derived from are supported', () => {
    expect(isSupportedHash(werkzeug('32768:8:1'))).toBe(true)
    expect(isSupportedHash(phc('ln=15,r=8,p=1'))).toBe(true)
  })

  it.each([
    ['256 TiB of memory', phc('ln=38,r=8,p=1')],
    ['ln=31', phc('ln=31,r=8,p=1')],
    ['128 MiB of memory', phc('ln=17,r=8,p=1')],
    ['128 MiB of memory through the block size', phc('ln=15,r=32,p=1')],
    ['64 MiB of memory in three lanes', phc('ln=16,r=8,p=3')],
    ['99 lanes', phc('ln=15,r=8,p=99')],
    ['N = 2^16 with r=1 (RFC 7914 2)', phc('ln=16,r=1,p=1')],
    ['N of 2^0', phc('ln=0,r=8,p=1')],
    ['r=0', phc('ln=15,r=0,p=1')],
    ['p=0', phc('ln=15,r=8,p=0')],
    ['a negative ln', phc('ln=-15,r=8,p=1')],
    ['a leading zero', phc('ln=015,r=8,p=1')],
    ['a missing parameter', phc('ln=15,r=8')],
    ['an additional parameter', phc('ln=15,r=8,p=1,x=1')],
    ['parameters in another order', phc('r=8,ln=15,p=1')],
    ['an empty salt', phc('ln=15,r=8,p=1', '')],
    ['a salt with an impossible base64 length', phc('ln=15,r=8,p=1', 'c29tZ')],
    ['a salt of 65 bytes', phc('ln=15,r=8,p=1', 'A'.repeat(87))],
    ['an empty hash', phc('ln=15,r=8,p=1', 'c29tZXNhbHQ', '')],
    ['a hash of 15 bytes', phc('ln=15,r=8,p=1', 'c29tZXNhbHQ', 'A'.repeat(20))],
    [
      'a hash with an impossible base64 length',
      phc('ln=15,r=8,p=1', 'c29tZXNhbHQ', 'A'.repeat(41)),
    ],
    ['padding', `${phc('ln=15,r=8,p=1')}=`],
    ['a trailing newline', `${phc('ln=15,r=8,p=1')}\n`],
    ['Werkzeug: 1 GiB of memory', werkzeug('1048576:8:1')],
    ['Werkzeug: N beyond the largest safe integer', werkzeug(`1${'0'.repeat(30)}:8:1`)],
    ['Werkzeug: N that is not a power of two', werkzeug('32767:8:1')],
    ['Werkzeug: N=1', werkzeug('1:8:1')],
    ['Werkzeug: N=0', werkzeug('0:8:1')],
    ['Werkzeug: N in hexadecimal', werkzeug('0x8000:8:1')],
    ['Werkzeug: N in exponent notation', werkzeug('1e4:8:1')],
    ['Werkzeug: 1,024 lanes', werkzeug('32768:8:1024')],
    ['Werkzeug: no parameters', right.replace(':32768:8:1', '')],
    ['Werkzeug: two parameters', werkzeug('32768:8')],
    ['Werkzeug: no salt', `scrypt:32768:8:1$$${hex}`],
    ['Werkzeug: a salt with a non-ASCII character', `scrypt:32768:8:1$sält$${hex}`],
    ['Werkzeug: a salt of 65 characters', `scrypt:32768:8:1$${'s'.repeat(65)}$${hex}`],
    ['Werkzeug: a truncated hash', right.slice(0, -2)],
    ['Werkzeug: an odd number of hex digits', right.slice(0, -1)],
    ['Werkzeug: upper case', right.toUpperCase()],
    ['Werkzeug: a trailing newline', `${right}\n`],
    ['Werkzeug: PBKDF2', `pbkdf2:sha256:600000$${salt}$${hex.slice(0, 64)}`],
    ['Werkzeug: PBKDF2 with few iterations', `pbkdf2:sha256:1000$${salt}$${hex.slice(0, 64)}`],
  ])('%s does not match', (_, unsupported) => {
    const counted = vi.fn<Argon2id>(argon2id)
    expect(isSupportedHash(unsupported)).toBe(false)
    expect(verifyPassword(unsupported, password, counted).matches).toBe(false)
    expect(counted.mock.calls.map(([, , cost]) => cost)).toEqual([ARGON2ID_PARAMS])
  })

  it.each([
    ['64 MiB of memory', phc('ln=16,r=8,p=1')],
    ['64 MiB of memory in two lanes', phc('ln=16,r=8,p=2')],
    ['the smallest parameters', phc('ln=1,r=1,p=1')],
    ['N just below 2^16 with r=1', phc('ln=15,r=1,p=9')],
    ['Werkzeug: 64 MiB of memory', werkzeug('65536:8:1')],
  ])('a hash with %s is within the limits, is computed and does not match', (_, supported) => {
    const counted = vi.fn<Argon2id>(argon2id)
    expect(isSupportedHash(supported)).toBe(true)
    expect(verifyPassword(supported, password, counted).matches).toBe(false)
    expect(counted).not.toHaveBeenCalled()
  })
})

describe('a user imported from Flask', () => {
  const stored = async () => (await listUsers(env.DB, { limit: 1 })).users[0]?.passwordHash
  const logIn = async (password: string) =>
    (await postJson('/login', { username: 'ada', password })).status
  const add = (passwordHash: string) =>
    insertUser(env.DB, { username: 'ada', passwordHash, roles: [] }, now())

  beforeEach(() => env.DB.exec('DELETE FROM users'))

  it.each(werkzeugVectors)(
    'a user from Flask logs in with the existing password and gets an argon2id hash (vector %#)',
    async ({ password, hash }) => {
      await add(hash)
      expect(await logIn(password)).toBe(200)
      const rehashed = await stored()
      expect(rehashed).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
      expect(await logIn(password)).toBe(200)
      expect(await stored()).toBe(rehashed)
    },
  )

  it.each(werkzeugVectors)(
    'a user from Flask cannot log in with a wrong password and keeps the scrypt hash (vector %#)',
    async ({ password, hash }) => {
      await add(hash)
      const response = await postJson('/login', { username: 'ada', password: `${password}!` })
      expect(response.status).toBe(401)
      expect(await response.text()).toBe('{"error":"Bad username or password"}')
      expect(await stored()).toBe(hash)
    },
  )

  it('a user from Flask whose password is decomposed must type it so once, and then in either Unicode form', async () => {
    const decomposed = werkzeugVectors.find(
      ({ password }) => password !== password.normalize('NFC'),
    )
    const { password = '', hash = '' } = decomposed ?? {}
    await add(hash)
    expect(await logIn(password.normalize('NFC'))).toBe(401) // Flask compares the exact bytes
    expect(await logIn(password)).toBe(200)
    expect(await logIn(password.normalize('NFC'))).toBe(200)
    expect(await logIn(password)).toBe(200)
  })

  it('a user from Flask whose password is composed can type it in either Unicode form', async () => {
    const composed = werkzeugVectors.find(({ password }) => password !== password.normalize('NFD'))
    const { password = '', hash = '' } = composed ?? {}
    await add(hash)
    expect(await logIn(password.normalize('NFD'))).toBe(200)
  })

  it('a disabled user from Flask cannot log in and keeps the scrypt hash', async () => {
    const [{ password = '', hash = '' } = {}] = werkzeugVectors
    await add(hash)
    await env.DB.prepare('UPDATE users SET disabled_at = 1').run()
    expect(await logIn(password)).toBe(401)
    expect(await stored()).toBe(hash)
  })
})
