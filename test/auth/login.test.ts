import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { argon2id } from '../../src/auth/passwords/argon2.ts'
import { parseSegment } from '../../src/auth/tokens/compact-jws.ts'
import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { listUsers, replacePasswordHash } from '../../src/db/users.ts'
import { COSMO, addUser, fetchApp, postJson, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'
import { hashes } from './hashes.ts'
import { toSegments } from './tokens/forge.ts'

beforeEach(async () => {
  await addUser()
  hashes.length = 0
})

const HEADERS = [
  'cache-control',
  'content-security-policy',
  'content-type',
  'cross-origin-resource-policy',
  'referrer-policy',
  'strict-transport-security',
  'x-content-type-options',
  'x-error-code',
]

const setHash = (hash: string) =>
  env.DB.prepare('UPDATE users SET password_hash = ?1').bind(hash).run()

describe('a failed login does not reveal its reason (ASVS 6.3.8)', () => {
  it.each([
    ['an unknown user', 'SELECT 1', { ...COSMO, username: 'nobody' }],
    ['a wrong password', 'SELECT 1', { ...COSMO, password: 'wrong' }],
    [
      'a disabled user with a wrong password',
      'UPDATE users SET disabled_at = 1',
      { ...COSMO, password: 'wrong' },
    ],
    ['a disabled user with the correct password', 'UPDATE users SET disabled_at = 1', COSMO],
    ['an unsupported password hash', `UPDATE users SET password_hash = 'space-corgi'`, COSMO],
    ['SQL in the username', 'SELECT 1', { ...COSMO, username: "cosmo' --" }],
    ['a username in another case', 'SELECT 1', { ...COSMO, username: 'Cosmo' }],
    ['a username with a trailing NUL', 'SELECT 1', { ...COSMO, username: 'cosmo\0' }],
    ['a username with a trailing space', 'SELECT 1', { ...COSMO, username: 'cosmo ' }],
    ['a LIKE pattern that matches the username', 'SELECT 1', { ...COSMO, username: 'cosm_' }],
  ])('%s gets the same body and headers after exactly one hash', async (_, sql, credentials) => {
    await env.DB.prepare(sql).run()
    const response = await postJson('/login', credentials)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"error":"Bad username or password"}')
    expect([...response.headers.keys()]).toEqual(HEADERS)
    expect(hashes).toEqual([19_456])
  })

  it('a request that fails validation is never hashed (ASVS 15.2.2)', async () => {
    await postJson('/login', { username: 'cosmo' })
    await postJson('/login', { ...COSMO, extra: 1 })
    await postJson('/login', { username: 'cosmo', password: 'x'.repeat(9000) })
    expect(hashes).toEqual([])
  })
})

it('a new password that is too long is rejected without hashing, and never truncated (ASVS 6.2.9)', async () => {
  const { access_token: token } = await startSession()
  hashes.length = 0
  const statuses = await Promise.all(
    [129, 8000, 1_000_000].map(async (length) => {
      const response = await fetchApp('/me/password', {
        method: 'PUT',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
        body: JSON.stringify({
          current_password: COSMO.password,
          new_password: 'x'.repeat(length),
        }),
      })
      return response.status
    }),
  )
  expect(statuses).toEqual([400, 400, 413])
  expect(hashes).toEqual([])
})

it('SQL in the username or the password changes no row (ASVS 1.2.4)', async () => {
  const rows = () =>
    env.DB.prepare('SELECT * FROM users')
      .all()
      .then(({ results }) => results)
  const before = await rows()
  for (const text of [
    "' OR '1'='1",
    "cosmo'; DROP TABLE users; --",
    "cosmo'; UPDATE users SET roles = '[\"admin\"]'; --",
    "' UNION SELECT * FROM users --",
    '?1',
    'cosmo" --',
    '\\',
  ]) {
    expect((await postJson('/login', { ...COSMO, username: text })).status).toBe(401)
    expect((await postJson('/login', { ...COSMO, password: text })).status).toBe(401)
  }
  expect(await rows()).toEqual(before)
})

describe('a stored hash with outdated parameters', () => {
  const OLD = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'
  const logIn = async (password: string) =>
    (await postJson('/login', { username: 'cosmo', password })).status
  const stored = async () => (await listUsers(env.DB, { limit: 1 })).users[0]?.passwordHash

  it('a login replaces an outdated hash by one with the current parameters', async () => {
    await setHash(OLD)
    expect(await logIn('password')).toBe(200)
    expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(await logIn('password')).toBe(200)
    expect(hashes).toEqual([256, 19_456, 19_456])
  })

  it('an outdated hash is not replaced for a disabled user', async () => {
    await setHash(OLD)
    await env.DB.prepare('UPDATE users SET disabled_at = 1').run()
    expect(await logIn('password')).toBe(401)
    expect(await stored()).toBe(OLD)
    expect(hashes).toEqual([256])
  })

  it('an outdated hash is kept when the password is wrong', async () => {
    await setHash(OLD)
    expect(await logIn('wrong')).toBe(401)
    expect(await stored()).toBe(OLD)
  })

  it('an outdated hash is not replaced when the password has changed since the hash was read', async () => {
    await setHash(OLD)
    const {
      users: [user],
    } = await listUsers(env.DB, { limit: 1 })
    await setHash('changed meanwhile')
    if (user) await replacePasswordHash(env.DB, user, 'stale')
    expect(await stored()).toBe('changed meanwhile')
  })

  it('a login that would replace an outdated hash fails if the password changes during it', async () => {
    await setHash(OLD)
    const changed = hashPassword('a password that is new', argon2id)
    const isolate = createIsolate()
    isolate.beforeStatement = async (number) => {
      if (number === 2) await setHash(changed) // after the user was read and before the hash is replaced
    }
    const headers = { 'Content-Type': 'application/json' }
    const body = JSON.stringify({ username: 'cosmo', password: 'password' })
    const response = await isolate.fetch('/login', { method: 'POST', headers, body })
    expect(response.status).toBe(401)
    expect(await stored()).toBe(changed)
    expect((await env.DB.prepare('SELECT * FROM sessions').all()).results).toEqual([])
  })
})

it('a user can log in with the composed or decomposed Unicode form of the username (ASVS 1.1.1)', async () => {
  await addUser({ username: 'zoe\u0308'.normalize('NFC'), password: 'two dots above' })
  for (const username of ['zo\u00eb', 'zoe\u0308']) {
    const response = await postJson('/login', { username, password: 'two dots above' })
    expect(response.status).toBe(200)
    const { access_token: token } = await response.json<{ access_token: string }>()
    expect(parseSegment(toSegments(token)[1])).toHaveProperty('sub', 'zo\u00eb')
  }
})
