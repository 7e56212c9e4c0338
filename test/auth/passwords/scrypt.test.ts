import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'

import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import {
  type Argon2id,
  COST,
  isUsableHash,
  verifyPassword,
} from '../../../src/auth/passwords/hash.ts'
import { insertUser, listUsers } from '../../../src/db/users.ts'
import { now, postJson } from '../../helpers.ts'
import vectors from '../../vectors/scrypt.json'

const ofWerkzeug = vectors.filter(({ from }) => from.startsWith('Werkzeug'))

describe('scrypt agrees with published vectors, with Werkzeug and with passlib (RFC 7914 12)', () => {
  it.each(vectors)('$from: $hash', ({ password, hash }) => {
    const judge = (tried: string) => verifyPassword(hash, tried, argon2id)
    expect(isUsableHash(hash)).toBe(true)
    expect(judge(password)).toEqual({ matches: true, outdated: true })
    expect(judge(`${password}.`)).toEqual({ matches: false, outdated: true })
    expect(judge(password.slice(1)).matches).toBe(false)
  })

  it('the vectors are of four origins', () => {
    const origins = vectors.map(({ from }) => from)
    expect(new Set(origins)).toEqual(
      new Set(['Werkzeug 3.1.8', 'RFC 7914 12', 'hashlib of Python 3.11.7', 'passlib']),
    )
    expect(ofWerkzeug.length).toBeGreaterThan(10)
  })
})

describe('a scrypt hash that asks for too much, or is not well formed, never matches, and costs one argon2id hash like any other unusable one:', () => {
  const [{ hash: right = '', password = '' } = {}] = ofWerkzeug
  const [, salt = '', hex = ''] = right.split('$')
  const werkzeug = (cost: string) => `scrypt:${cost}$${salt}$${hex}`
  const phc = (cost: string, from = 'c29tZXNhbHQ', to = 'A'.repeat(43)) =>
    `$scrypt$${cost}$${from}$${to}`

  it('the ones that these are made from are usable', () => {
    expect(isUsableHash(werkzeug('32768:8:1'))).toBe(true)
    expect(isUsableHash(phc('ln=15,r=8,p=1'))).toBe(true)
  })

  it.each([
    ['256 TiB', phc('ln=38,r=8,p=1')],
    ['ln=31', phc('ln=31,r=8,p=1')],
    ['128 MiB', phc('ln=17,r=8,p=1')],
    ['128 MiB by its block size', phc('ln=15,r=32,p=1')],
    ['64 MiB three times', phc('ln=16,r=8,p=3')],
    ['99 lanes', phc('ln=15,r=8,p=99')],
    ['N not below 2^16 for r=1 (RFC 7914 2)', phc('ln=16,r=1,p=1')],
    ['no N', phc('ln=0,r=8,p=1')],
    ['no r', phc('ln=15,r=0,p=1')],
    ['no p', phc('ln=15,r=8,p=0')],
    ['less than nothing', phc('ln=-15,r=8,p=1')],
    ['a leading zero', phc('ln=015,r=8,p=1')],
    ['a parameter less', phc('ln=15,r=8')],
    ['a parameter more', phc('ln=15,r=8,p=1,x=1')],
    ['another order', phc('r=8,ln=15,p=1')],
    ['an empty salt', phc('ln=15,r=8,p=1', '')],
    ['a salt of impossible length', phc('ln=15,r=8,p=1', 'c29tZ')],
    ['a salt of 65 bytes', phc('ln=15,r=8,p=1', 'A'.repeat(87))],
    ['an empty hash', phc('ln=15,r=8,p=1', 'c29tZXNhbHQ', '')],
    ['a hash of 15 bytes', phc('ln=15,r=8,p=1', 'c29tZXNhbHQ', 'A'.repeat(20))],
    ['a hash of impossible length', phc('ln=15,r=8,p=1', 'c29tZXNhbHQ', 'A'.repeat(41))],
    ['padding', `${phc('ln=15,r=8,p=1')}=`],
    ['a newline behind', `${phc('ln=15,r=8,p=1')}\n`],
    ['Werkzeug: 1 GiB', werkzeug('1048576:8:1')],
    ['Werkzeug: N of more digits than a number has', werkzeug(`1${'0'.repeat(30)}:8:1`)],
    ['Werkzeug: N no power of two', werkzeug('32767:8:1')],
    ['Werkzeug: N=1', werkzeug('1:8:1')],
    ['Werkzeug: N=0', werkzeug('0:8:1')],
    ['Werkzeug: in hexadecimal', werkzeug('0x8000:8:1')],
    ['Werkzeug: in exponents', werkzeug('1e4:8:1')],
    ['Werkzeug: 1,024 lanes', werkzeug('32768:8:1024')],
    ['Werkzeug: no parameters', right.replace(':32768:8:1', '')],
    ['Werkzeug: two parameters', werkzeug('32768:8')],
    ['Werkzeug: no salt', `scrypt:32768:8:1$$${hex}`],
    ['Werkzeug: a salt of other characters', `scrypt:32768:8:1$sält$${hex}`],
    ['Werkzeug: a salt of 65', `scrypt:32768:8:1$${'s'.repeat(65)}$${hex}`],
    ['Werkzeug: a hash cut short', right.slice(0, -2)],
    ['Werkzeug: half a byte', right.slice(0, -1)],
    ['Werkzeug: upper case', right.toUpperCase()],
    ['Werkzeug: a newline behind', `${right}\n`],
    ['Werkzeug: PBKDF2', `pbkdf2:sha256:600000$${salt}$${hex.slice(0, 64)}`],
    ['Werkzeug: PBKDF2 with few iterations', `pbkdf2:sha256:1000$${salt}$${hex.slice(0, 64)}`],
  ])('%s', (_, unusable) => {
    const counted = vi.fn<Argon2id>(argon2id)
    expect(isUsableHash(unusable)).toBe(false)
    expect(verifyPassword(unusable, password, counted).matches).toBe(false)
    expect(counted.mock.calls.map(([, , cost]) => cost)).toEqual([COST])
  })

  it.each([
    ['64 MiB', phc('ln=16,r=8,p=1')],
    ['64 MiB twice', phc('ln=16,r=8,p=2')],
    ['the least', phc('ln=1,r=1,p=1')],
    ['N just below 2^16 for r=1', phc('ln=15,r=1,p=9')],
    ['Werkzeug: 64 MiB', werkzeug('65536:8:1')],
  ])('%s is within the bounds, is computed, and does not match', (_, usable) => {
    const counted = vi.fn<Argon2id>(argon2id)
    expect(isUsableHash(usable)).toBe(true)
    expect(verifyPassword(usable, password, counted).matches).toBe(false)
    expect(counted).not.toHaveBeenCalled()
  })
})

describe('a user who comes from Flask', () => {
  const stored = async () => (await listUsers(env.DB, { limit: 1 })).users[0]?.passwordHash
  const logIn = async (password: string) =>
    (await postJson('/login', { username: 'ada', password })).status
  const add = (passwordHash: string) =>
    insertUser(env.DB, { username: 'ada', passwordHash, roles: [] }, now())

  beforeEach(() => env.DB.exec('DELETE FROM users'))

  it.each(ofWerkzeug)(
    'logs in with the password of Werkzeug, and has an argon2id hash of it afterwards (vector %#)',
    async ({ password, hash }) => {
      await add(hash)
      expect(await logIn(password)).toBe(200)
      const renewed = await stored()
      expect(renewed).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
      expect(await logIn(password)).toBe(200)
      expect(await stored()).toBe(renewed)
    },
  )

  it.each(ofWerkzeug)(
    'stays out with a wrong password, and keeps the hash (vector %#)',
    async ({ password, hash }) => {
      await add(hash)
      const response = await postJson('/login', { username: 'ada', password: `${password}!` })
      expect(response.status).toBe(401)
      expect(await response.text()).toBe('{"error":"Bad username or password"}')
      expect(await stored()).toBe(hash)
    },
  )

  it('and whose password was set decomposed logs in with it, then with either spelling', async () => {
    const decomposed = ofWerkzeug.find(({ password }) => password !== password.normalize('NFC'))
    const { password = '', hash = '' } = decomposed ?? {}
    await add(hash)
    expect(await logIn(password.normalize('NFC'))).toBe(401) // as in Flask
    expect(await logIn(password)).toBe(200)
    expect(await logIn(password.normalize('NFC'))).toBe(200)
    expect(await logIn(password)).toBe(200)
  })

  it('and whose password was set composed logs in with either spelling from the start', async () => {
    const composed = ofWerkzeug.find(({ password }) => password !== password.normalize('NFD'))
    const { password = '', hash = '' } = composed ?? {}
    await add(hash)
    expect(await logIn(password.normalize('NFD'))).toBe(200)
  })

  it('is not let in, nor renewed, while disabled', async () => {
    const [{ password = '', hash = '' } = {}] = ofWerkzeug
    await add(hash)
    await env.DB.prepare('UPDATE users SET disabled_at = 1').run()
    expect(await logIn(password)).toBe(401)
    expect(await stored()).toBe(hash)
  })
})
