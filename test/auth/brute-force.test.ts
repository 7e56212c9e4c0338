import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { COSMO, addUser, isolate as workerIsolate, logged } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'
import { hashes } from './hashes.ts'

const isolate = createIsolate()
const advance = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  hashes.length = 0
})
afterEach(() => vi.useRealTimers())

const logIn = (
  credentials = COSMO,
  address = '192.0.2.1',
  headers: Record<string, string> = {},
  target = isolate,
) =>
  target.fetch('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': address, ...headers },
    body: JSON.stringify(credentials),
  })
const WRONG = { ...COSMO, password: 'wrong' }
const fail = async (times: number, address?: string, credentials = WRONG) => {
  for (let attempt = 0; attempt < times; attempt += 1)
    expect((await logIn(credentials, address)).status).toBe(401)
}
async function expectLocked(response: Response, seconds: number) {
  expect(response.status).toBe(429)
  expect(await response.text()).toBe('{"error":"Too many attempts"}')
  expect(response.headers.get('Retry-After')).toBe(String(seconds))
}

describe('the lockout per username and address (ASVS 6.3.1)', () => {
  it('ten failures lock a username at an address before any hash, so that even the correct password reveals nothing', async () => {
    await fail(10)
    expect(hashes).toHaveLength(10)
    await expectLocked(await logIn(WRONG), 60)
    await expectLocked(await logIn(COSMO), 60)
    expect(hashes).toHaveLength(10)
  })

  it('ten failures at one address lock neither the owner elsewhere nor another username there', async () => {
    await addUser({ username: 'ada', password: 'analytical engine' })
    await fail(10)
    expect((await logIn(COSMO, '198.51.100.7')).status).toBe(200)
    expect((await logIn({ username: 'ada', password: 'analytical engine' })).status).toBe(200)
    await expectLocked(await logIn(COSMO), 60)
  })

  it('a lockout lasts exactly as many seconds as Retry-After says', async () => {
    await fail(10)
    advance(59)
    await expectLocked(await logIn(COSMO), 1)
    advance(1)
    expect((await logIn(COSMO)).status).toBe(200)
  })

  it('failures are counted from zero again after a successful login', async () => {
    await fail(9)
    expect((await logIn(COSMO)).status).toBe(200)
    await fail(10)
    await expectLocked(await logIn(COSMO), 60)
  })

  it('failures are counted from zero again after the window has passed', async () => {
    await fail(9)
    advance(900)
    await fail(10)
    await expectLocked(await logIn(COSMO), 60)
  })

  it('each further failure doubles the lockout, up to an hour and never forever', async () => {
    await fail(10)
    for (const lockout of [60, 120, 240, 480, 960, 1920, 3600, 3600]) {
      await expectLocked(await logIn(WRONG), lockout)
      advance(lockout)
      await fail(1)
    }
    advance(3600 + 900)
    await fail(9)
    expect((await logIn(COSMO)).status).toBe(200)
  })

  it('ten failures lock a username that does not exist in the same way (ASVS 6.3.8)', async () => {
    const ghost = { username: 'ghost', password: 'wrong' }
    await fail(10, '192.0.2.1', ghost)
    await expectLocked(await logIn(ghost), 60)
  })

  it('a lockout applies in every isolate and after a restart, because failures are rows in the database', async () => {
    await fail(10)
    await expectLocked(await logIn(COSMO, '192.0.2.1', {}, createIsolate()), 60)
  })
})

describe('the lockout per username across all addresses', () => {
  const failFromMany = async (addresses: number) => {
    for (let n = 0; n < addresses; n += 1) await fail(1, `198.51.100.${n}`)
  }

  it('a hundred failures lock a username everywhere, and a success removes only its own attempt', async () => {
    await failFromMany(99)
    expect((await logIn(COSMO, '203.0.113.1')).status).toBe(200)
    await failFromMany(1)
    await expectLocked(await logIn(COSMO, '203.0.113.2'), 60)
    advance(60)
    expect((await logIn(COSMO, '203.0.113.2')).status).toBe(200)
  }, 20_000)

  it('failures do not lock out an owner who has logged in since, however long the next lockout would be', async () => {
    const strict = createIsolate({ LOGIN_MAX_FAILURES_PER_NAME: '3' })
    const from = (address: string, credentials = COSMO) => logIn(credentials, address, {}, strict)
    for (const lockout of [0, 0, 0, 60, 120, 240]) {
      advance(lockout)
      expect((await from('198.51.100.1', WRONG)).status).toBe(401)
    }
    advance(480)
    for (const address of ['203.0.113.1', '203.0.113.2'])
      expect((await from(address)).status).toBe(200)
    expect((await from('198.51.100.1', WRONG)).status).toBe(401)
    await expectLocked(await from('203.0.113.3'), 960)
  })
})

describe('a client cannot escape the failure counter (ASVS 4.1.3, 15.3.4)', () => {
  it.each([
    ['a new X-Forwarded-For', (n: number) => ['192.0.2.1', { 'X-Forwarded-For': `10.0.0.${n}` }]],
    ['a new Forwarded header', (n: number) => ['192.0.2.1', { Forwarded: `for=10.0.0.${n}` }]],
    ['a new True-Client-IP', (n: number) => ['192.0.2.1', { 'True-Client-IP': `10.0.0.${n}` }]],
    ['another address within its /64', (n: number) => [`2001:db8:1:2::${n + 1}`, {}]],
    [
      'another notation of its IPv6 address',
      (n: number) => [['2001:db8::1', '2001:0DB8:0:0::1', '2001:db8:0:0:0:0:0:1'][n % 3], {}],
    ],
    [
      'another notation of an IPv4-mapped IPv6 address',
      (n: number) => [['::ffff:192.0.2.1', '::ffff:c000:201'][n % 2], {}],
    ],
  ] as [string, (n: number) => [string, Record<string, string>]][])('with %s', async (_, vary) => {
    for (let n = 0; n < 10; n += 1) expect((await logIn(WRONG, ...vary(n))).status).toBe(401)
    expect((await logIn(COSMO, ...vary(10))).status).toBe(429)
  })

  it('addresses in different /64 networks are counted separately', async () => {
    await fail(10, '2001:db8:1:2::1')
    expect((await logIn(COSMO, '2001:db8:1:3::1')).status).toBe(200)
  })

  it('composed and decomposed Unicode forms of a username are counted together', async () => {
    await fail(5, undefined, { username: 'zo\u00eb', password: 'x' })
    await fail(5, undefined, { username: 'zoe\u0308', password: 'x' })
    expect((await logIn({ username: 'zo\u00eb', password: 'x' })).status).toBe(429)
  })
})

describe('concurrent guesses', () => {
  it('200 concurrent guesses for one username from one address compute at most ten hashes', async () => {
    const responses = await Promise.all(Array.from({ length: 200 }, () => logIn(WRONG)))
    expect(hashes.length).toBeLessThanOrEqual(10)
    expect(responses.every(({ status }) => [401, 429, 503].includes(status))).toBe(true)
    const rejected = responses.filter(({ status }) => status !== 401)
    for (const { headers } of rejected)
      expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
  })

  it('concurrent guesses for many usernames fill twenty hash slots, and the rest get 503 with Retry-After', async () => {
    const guess = (n: number) => logIn({ username: `user${n}`, password: 'x' }, `192.0.2.${n}`)
    const responses = await Promise.all(Array.from({ length: 60 }, (_, n) => guess(n)))
    const busy = responses.filter(({ status }) => status === 503)
    expect(busy).toHaveLength(40)
    expect(hashes).toHaveLength(20)
    for (const response of busy) expect(response.headers.get('Retry-After')).toBe('1')
    expect((await logIn(COSMO)).status).toBe(200)
  })
})

it('a wrong current password on PUT /me/password counts like a failed login (ASVS 6.3.4)', async () => {
  const { access_token: token } = await (await logIn()).json<{ access_token: string }>()
  const change = (current: string) =>
    isolate.fetch('/me/password', {
      method: 'PUT',
      headers: {
        'Content-Type': 'application/json',
        'CF-Connecting-IP': '192.0.2.1',
        Authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ current_password: current, new_password: 'correct horse battery' }),
    })
  await fail(5)
  for (let attempt = 0; attempt < 5; attempt += 1) expect((await change('wrong')).status).toBe(400)
  await expectLocked(await change(COSMO.password), 60)
  await expectLocked(await logIn(COSMO), 60)
})

describe("Cloudflare's rate limiter", () => {
  it("Cloudflare's rate limiter is called with the network of the address before the body is read", async () => {
    const keys: string[] = []
    const limited = createIsolate({
      LOGIN_LIMITER: {
        limit: async ({ key }: { key: string }) => {
          keys.push(key)
          return { success: false }
        },
      },
    })
    await expectLocked(await logIn(COSMO, '2001:DB8::7', {}, limited), 60)
    expect(keys).toEqual(['2001:db8:0:0::/64'])
    expect(limited.statements).toBe(0)
    expect(hashes).toHaveLength(0)
  })

  it('a login fails with 503 when the rate limiter itself fails (ASVS 16.5.3)', async () => {
    const broken = createIsolate({
      LOGIN_LIMITER: { limit: () => Promise.reject(new Error('down')) },
    })
    expect((await logIn(COSMO, '192.0.2.1', {}, broken)).status).toBe(503)
    expect(hashes).toHaveLength(0)
  })
})

it('each rejected login during a lockout is logged once, without the password or the username', async () => {
  await fail(10)
  logged.length = 0
  await logIn(COSMO)
  expect(logged).toHaveLength(1)
  expect(JSON.parse(logged[0] ?? '')).toMatchObject({ event: 'login.limited', status: 429 })
  expect(logged[0]).not.toContain(COSMO.username)
})

it('clean-up deletes counters after a day and devices after 30, and not earlier', async () => {
  await fail(1)
  const count = async (table: string) =>
    (await env.DB.prepare(`SELECT count(*) AS n FROM ${table}`).first<{ n: number }>())?.n
  const { cleanUp } = await import('../../src/auth/sessions/clean-up.ts')
  const now = Math.floor(Date.now() / 1000)
  const day = 86_400
  await logIn(COSMO, '192.0.2.2')
  await cleanUp(workerIsolate(), now + day)
  expect([await count('login_failures'), await count('known_devices')]).toEqual([5, 1])
  await cleanUp(workerIsolate(), now + day + 1)
  expect([await count('login_failures'), await count('known_devices')]).toEqual([0, 1])
  await cleanUp(workerIsolate(), now + 30 * day)
  expect(await count('known_devices')).toBe(0)
})
