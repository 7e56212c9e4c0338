import { env } from 'cloudflare:workers'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { hashPassword } from '../../../src/auth/passwords/hash.ts'
import { checkRefreshToken } from '../../../src/auth/sessions/sessions.ts'
import { verifyToken } from '../../../src/auth/tokens/verify.ts'
import { markEveryoneRevoked } from '../../../src/db/everyone.ts'
import { changeUser } from '../../../src/db/user-changes.ts'
import { COSMO, addUser, fetchApp, logged, now, postJson, readSegment } from '../../helpers.ts'
import { isolate as ownIsolate, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

beforeEach(() => addUser())
afterEach(() => vi.useRealTimers())

const events = () => logged.map((line) => JSON.parse(line).event)
const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

describe('services that verify tokens themselves (RFC 8725 3.12)', () => {
  it('a service that checks issuer, audience and algorithm rejects a refresh token', async () => {
    const pair = (await crypto.subtle.generateKey({ name: 'Ed25519' }, true, [
      'sign',
      'verify',
    ])) as CryptoKeyPair
    const JWT_SECRET = JSON.stringify(await crypto.subtle.exportKey('jwk', pair.privateKey))
    const isolate = createIsolate({ JWT_SECRET })
    const login = await isolate.fetch('/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(COSMO),
    })
    const { access_token: access, refresh_token: refresh } = await login.json<{
      access_token: string
      refresh_token: string
    }>()
    const keys = createLocalJWKSet(await (await isolate.fetch('/.well-known/jwks.json')).json())
    const options = { issuer: 'latchkey', audience: 'latchkey', algorithms: ['EdDSA'] }
    await expect(jwtVerify(access, keys, options)).resolves.toBeDefined()
    await expect(jwtVerify(refresh, keys, options)).rejects.toThrow('aud')
  })
})

describe('settings that were lowered hold at once', () => {
  it.each([
    ['SESSION_MAX_SECONDS', 100],
    ['SESSION_IDLE_SECONDS', 100],
    ['SESSION_MAX_SECONDS', 1],
  ])('%s = %i: an older session is expired and its refresh token rejected', async (name, value) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { refresh_token: token } = await startSession()
    pass(value + 1)
    const response = await createIsolate({ [name]: String(value) }).post('/refresh', token)
    expect(response.status).toBe(401)
    const unchanged = await createIsolate().post('/refresh', token)
    expect(unchanged.status).toBe(200)
  })

  it('a refresh never announces a lifetime that is over', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { refresh_token: token } = await startSession()
    pass(50)
    const isolate = createIsolate({ SESSION_MAX_SECONDS: '100' })
    const tokens = await (await isolate.post('/refresh', token)).json<Record<string, number>>()
    expect(tokens.refresh_expires_in).toBe(50)
    expect(tokens.expires_in).toBe(50)
  })
})

describe('times have one meaning', () => {
  it('a refresh token is expired, not revoked, from the second of its exp on', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { refresh_token: token } = await startSession()
    pass(604_800)
    const response = await createIsolate().post('/refresh', token)
    expect(await response.text()).toBe('{"msg":"Token has expired"}')
  })

  it('a token that is used again five times at once raises one alarm, and all five are rejected', async () => {
    const isolate = createIsolate({ REFRESH_GRACE_SECONDS: '0' })
    const { refresh_token: token } = await startSession()
    expect((await isolate.post('/refresh', token)).status).toBe(200)
    const repeated = Array.from({ length: 5 }, () => isolate.post('/refresh', token))
    for (const response of await Promise.all(repeated)) {
      expect(response.status).toBe(401)
      expect(await response.text()).toBe('{"msg":"Token has been revoked"}')
    }
    expect(events().filter((event) => event === 'session.reuse_detected')).toHaveLength(1)
  })

  it('a token of a later generation than the database, which was restored, is rejected without an alarm', async () => {
    const isolate = createIsolate()
    const { refresh_token: first } = await startSession()
    const { refresh_token: second } = await (
      await isolate.post('/refresh', first)
    ).json<{
      refresh_token: string
    }>()
    await env.DB.prepare('UPDATE sessions SET generation = 0').run()
    const response = await isolate.post('/refresh', second)
    expect(await response.text()).toBe('{"msg":"Token has been revoked"}')
    expect(events()).not.toContain('session.reuse_detected')
    expect((await isolate.post('/refresh', first)).status).toBe(200)
  })

  it('REFRESH_GRACE_SECONDS = 0 accepts no token twice, not even within a second', async () => {
    const isolate = createIsolate({ REFRESH_GRACE_SECONDS: '0' })
    const { refresh_token: token } = await startSession()
    expect((await isolate.post('/refresh', token)).status).toBe(200)
    expect((await isolate.post('/refresh', token)).status).toBe(401)
  })

  it('REFRESH_GRACE_SECONDS = 1 accepts the previous token for a second, and no longer', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const isolate = createIsolate({ REFRESH_GRACE_SECONDS: '1' })
    const { refresh_token: token } = await startSession()
    for (const [after, status] of [
      [0, 200],
      [0, 200],
      [1, 200],
      [1, 401],
    ] as const) {
      pass(after)
      expect((await isolate.post('/refresh', token)).status).toBe(status)
    }
  })

  it('the newest refresh token is that of a live session, as it is now', async () => {
    const { refresh_token: token } = await startSession()
    const claims = await verifyToken(ownIsolate(), token, now())
    if (claims.type !== 'refresh') throw new Error('not a refresh token')
    await env.DB.prepare(`UPDATE users SET roles = '["x"]'`).run()
    const session = await checkRefreshToken(ownIsolate(), claims, now())
    expect(session).toMatchObject({ id: claims.sid, generation: 0, roles: ['x'] })
  })

  it('a password cannot be changed with a token whose session has expired', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const isolate = createIsolate({ SESSION_MAX_SECONDS: '100' })
    const { access_token: token } = await (
      await isolate.fetch('/login', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(COSMO),
      })
    ).json<{ access_token: string }>()
    pass(103)
    const response = await isolate.fetch('/me/password', {
      method: 'PUT',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({
        current_password: COSMO.password,
        new_password: 'a dog in a rocket, barking',
      }),
    })
    expect(response.status).toBe(401)
    expect((await postJson('/login', COSMO)).status).toBe(200)
  })
})

describe('the revocation of all sessions', () => {
  it('a login in the same second is accepted by the guard and by /refresh alike', async () => {
    await markEveryoneRevoked(env.DB)
    const { access_token: access, refresh_token: refresh } = await startSession()
    const isolate = createIsolate()
    expect((await isolate.get('/protected', access)).status).toBe(200)
    expect((await isolate.post('/refresh', refresh)).status).toBe(200)
    expect(readSegment(access, 1).auth_time).toBe(readSegment(refresh, 1).auth_time)
  })

  it('a login before it is rejected by the guard and by /refresh alike', async () => {
    const { access_token: access, refresh_token: refresh } = await startSession()
    await markEveryoneRevoked(env.DB)
    const isolate = createIsolate()
    expect((await isolate.get('/protected', access)).status).toBe(401)
    expect((await isolate.post('/refresh', refresh)).status).toBe(401)
  })
})

it("an operator's clock that is slow does not hide a revocation from the isolates", async () => {
  const { access_token: token } = await startSession()
  const disable = { username: COSMO.username, change: { disabled: true } }
  await changeUser(env.DB, disable, now() - 100_000)
  expect((await createIsolate().get('/protected', token)).status).toBe(401)
})

it('two first logins of an imported user at once both succeed, although only one rehashes', async () => {
  const { db, argon2id } = ownIsolate()
  // A hash with other parameters than today's: one pass.
  const salt = new Uint8Array(16)
  const params = { memoryKib: 19_456, passes: 1, lanes: 1, hashLength: 32 }
  const hash = argon2id(new TextEncoder().encode(COSMO.password), salt, params)
  const toBase64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes)).replaceAll('=', '')
  const old = `$argon2id$v=19$m=19456,t=1,p=1$${toBase64(salt)}$${toBase64(hash)}`
  await db.prepare('UPDATE users SET password_hash = ?1').bind(old).run()
  const slow = createIsolate()
  slow.beforeStatement = async (number) => {
    if (number !== 2) return
    const rehashed = hashPassword(COSMO.password, argon2id)
    await db.prepare('UPDATE users SET password_hash = ?1').bind(rehashed).run()
  }
  const response = await slow.fetch('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(COSMO),
  })
  expect(response.status).toBe(200)
})

it('an old refresh token in the cookie of a login raises the same alarm as in /refresh', async () => {
  const { refresh_token: old } = await startSession()
  const isolate = createIsolate()
  const { refresh_token: next } = await (
    await isolate.post('/refresh', old)
  ).json<{ refresh_token: string }>()
  await isolate.post('/refresh', next)
  logged.length = 0
  const response = await fetchApp('/login', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Cookie: `__Host-latchkey_refresh=${old}`,
      'Sec-Fetch-Site': 'same-origin',
    },
    body: JSON.stringify({ ...COSMO, cookie: true }),
  })
  expect(response.status).toBe(200)
  expect(events()).toContain('session.reuse_detected')
})

describe('roles', () => {
  it.each([
    ['17 roles of 64 characters', Array.from({ length: 17 }, (_, n) => `${n}`.padEnd(64, 'x'))],
    ['5 roles of 64 emoji', Array.from({ length: 5 }, (_, n) => `${n}${'🔑'.repeat(63)}`)],
  ])('%s are rejected, because their token would be', async (_, roles) => {
    const root = { username: 'root', password: 'the root of the tree' }
    await addUser(root, ['admin'])
    const { access_token: token } = await startSession(root)
    const response = await fetchApp('/users/cosmo', {
      method: 'PATCH',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ roles }),
    })
    expect(response.status).toBe(400)
  })

  it('the longest roles and the longest username that are allowed give a token that is accepted', async () => {
    const roles = Array.from({ length: 15 }, (_, n) => `${n}`.padEnd(64, 'x'))
    const user = { username: '🔑'.repeat(64), password: 'the root of the tree' }
    await addUser(user, roles)
    const long = { JWT_ISSUER: 'i'.repeat(256), JWT_AUDIENCE: 'a'.repeat(256) }
    const isolate = createIsolate(long)
    const { access_token: token } = await (
      await isolate.fetch('/login', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(user),
      })
    ).json<{ access_token: string }>()
    expect((await isolate.get('/protected', token)).status).toBe(200)
  })
})

it('an admin cannot set their own password without the current one (ASVS 6.2.3)', async () => {
  const root = { username: 'root', password: 'the root of the tree' }
  await addUser(root, ['admin'])
  const { access_token: token } = await startSession(root)
  const response = await fetchApp('/users/root', {
    method: 'PATCH',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ password: 'a new root of the tree' }),
  })
  expect(response.status).toBe(400)
  expect(await response.text()).toBe('{"error":{"password":["Use PUT /me/password."]}}')
  expect((await postJson('/login', root)).status).toBe(200)
})

describe('lists', () => {
  it('sessions of the same second are listed in the order of their logins, page by page', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const ids: unknown[] = []
    for (let login = 0; login < 5; login += 1)
      ids.unshift(readSegment((await startSession()).access_token, 1).sid)
    const { access_token: token } = await startSession()
    const listed: string[] = []
    let after = ''
    do {
      const path = `/sessions?limit=2${after && `&after=${after}`}`
      const headers = { Authorization: `Bearer ${token}` }
      const page = await (
        await fetchApp(path, { headers })
      ).json<{ sessions: { id: string }[]; next: string | null }>()
      listed.push(...page.sessions.map(({ id }) => id))
      after = page.next ?? ''
    } while (after)
    expect(listed.slice(1)).toEqual(ids)
  })

  it.each([
    ['/sessions?after=x', { after: ['Not a page.'] }],
    ['/sessions?limit=1&limit=2', { limit: ['Must be between 1 and 100.'] }],
    ['/sessions?after=1.a&after=1.b', { after: ['Not a page.'] }],
  ])('GET %s is rejected with a text of our own', async (path, error) => {
    const { access_token: token } = await startSession()
    const response = await fetchApp(path, { headers: { Authorization: `Bearer ${token}` } })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error })
  })

  it.each([
    ['/users?after=a&after=b', { after: ['Not a page.'] }],
    ['/users?prefix=a&prefix=b', { prefix: ['Not a valid string.'] }],
  ])('GET %s is rejected with a text of our own', async (path, error) => {
    const root = { username: 'root', password: 'the root of the tree' }
    await addUser(root, ['admin'])
    const { access_token: token } = await startSession(root)
    const response = await fetchApp(path, { headers: { Authorization: `Bearer ${token}` } })
    expect(await response.json()).toEqual({ error })
  })
})

describe('the grace for lost responses', () => {
  const refreshFrom = (address: string, token: string) =>
    createIsolate().fetch('/refresh', {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'CF-Connecting-IP': address },
    })
  const readToken = async (response: Response) =>
    (await response.json<{ refresh_token: string }>()).refresh_token

  it('tabs of one network may repeat the previous token as often as they like, and each time is logged', async () => {
    const { refresh_token: first } = await startSession()
    const next = await readToken(await refreshFrom('192.0.2.1', first))
    logged.length = 0
    for (let tab = 0; tab < 10; tab += 1)
      expect(await readToken(await refreshFrom('192.0.2.1', first))).toBe(next)
    expect(events()).toEqual(Array.from({ length: 10 }, () => 'session.refresh_repeated'))
  })

  it('a client that lost its response and has moved to another network gets the same successor', async () => {
    const { refresh_token: first } = await startSession()
    const next = await readToken(await refreshFrom('192.0.2.1', first))
    expect(await readToken(await refreshFrom('198.51.100.9', first))).toBe(next)
  })

  it('a thief in another network who uses every grace window is noticed, and the session is revoked', async () => {
    let { refresh_token: token } = await startSession()
    const statuses: number[] = []
    for (let round = 0; round < 5; round += 1) {
      const next = await readToken(await refreshFrom('192.0.2.1', token))
      statuses.push((await refreshFrom('198.51.100.9', token)).status)
      if (statuses.at(-1) !== 200) break
      token = next
    }
    expect(statuses).toEqual([200, 200, 200, 401])
    expect(events()).toContain('session.reuse_detected')
    expect((await refreshFrom('192.0.2.1', token)).status).toBe(401)
  })

  it('the database stores no address, nor a hash that could be guessed', async () => {
    const { refresh_token: token } = await startSession()
    await refreshFrom('192.0.2.1', token)
    const network = await env.DB.prepare('SELECT network FROM sessions').first<string>('network')
    expect(network).toMatch(/^[\w-]{43}$/)
    for (const guess of ['192.0.2.1', '["network","192.0.2.1"]']) {
      const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(guess))
      const hash = btoa(String.fromCharCode(...new Uint8Array(digest)))
      expect(network).not.toBe(hash.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''))
    }
  })
})
