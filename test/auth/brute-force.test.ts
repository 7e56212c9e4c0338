import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { COSMO, addUser, logged } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

/** How many hashes were computed: counted where the Worker enters WebAssembly. */
let hashes = 0
const { Instance } = WebAssembly
vi.spyOn(WebAssembly, 'Instance').mockImplementation(function (module) {
  const exports = new Instance(module).exports as Record<string, (...args: number[]) => number>
  const counted = (...args: number[]) => {
    hashes += 1
    return exports.argon2_hash?.(...args) ?? -1
  }
  return { exports: { ...exports, argon2_hash: counted } } as unknown as WebAssembly.Instance
})

const isolate = createIsolate()
const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  hashes = 0
})
afterEach(() => vi.useRealTimers())

const logIn = (
  credentials = COSMO,
  address = '192.0.2.1',
  headers: Record<string, string> = {},
  at = isolate,
) =>
  at.fetch('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': address, ...headers },
    body: JSON.stringify(credentials),
  })
const WRONG = { ...COSMO, password: 'wrong' }
const fail = async (times: number, address?: string, credentials = WRONG) => {
  for (let time = 0; time < times; time += 1)
    expect((await logIn(credentials, address)).status).toBe(401)
}
async function expectPaused(response: Response, seconds: number) {
  expect(response.status).toBe(429)
  expect(await response.text()).toBe('{"error":"Too many tries"}')
  expect(response.headers.get('Retry-After')).toBe(String(seconds))
}

describe('ten failures for a name from an address (ASVS 6.3.1)', () => {
  it('pause both, before any hash, also for the right password, which so tells nothing', async () => {
    await fail(10)
    expect(hashes).toBe(10)
    await expectPaused(await logIn(WRONG), 60)
    await expectPaused(await logIn(COSMO), 60)
    expect(hashes).toBe(10)
  })

  it('do not pause the owner at another address, nor another name at this one', async () => {
    await addUser({ username: 'ada', password: 'analytical engine' })
    await fail(10)
    expect((await logIn(COSMO, '198.51.100.7')).status).toBe(200)
    expect((await logIn({ username: 'ada', password: 'analytical engine' })).status).toBe(200)
    await expectPaused(await logIn(COSMO), 60)
  })

  it('are over when Retry-After says so: the pause is true, to the second', async () => {
    await fail(10)
    pass(59)
    await expectPaused(await logIn(COSMO), 1)
    pass(1)
    expect((await logIn(COSMO)).status).toBe(200)
  })

  it('count again after a success, from one', async () => {
    await fail(9)
    expect((await logIn(COSMO)).status).toBe(200)
    await fail(10)
    await expectPaused(await logIn(COSMO), 60)
  })

  it('count again after the window, from one', async () => {
    await fail(9)
    pass(900)
    await fail(10)
    await expectPaused(await logIn(COSMO), 60)
  })

  it('double the pause with each further one, up to an hour, and never pause for good', async () => {
    await fail(10)
    for (const pause of [60, 120, 240, 480, 960, 1920, 3600, 3600]) {
      await expectPaused(await logIn(WRONG), pause)
      pass(pause)
      await fail(1)
    }
    pass(3600 + 900)
    await fail(9)
    expect((await logIn(COSMO)).status).toBe(200)
  })

  it('are the same for a name that does not exist (ASVS 6.3.8)', async () => {
    const ghost = { username: 'ghost', password: 'wrong' }
    await fail(10, '192.0.2.1', ghost)
    await expectPaused(await logIn(ghost), 60)
  })

  it('survive a restart, and hold in every isolate: they are rows', async () => {
    await fail(10)
    await expectPaused(await logIn(COSMO, '192.0.2.1', {}, createIsolate()), 60)
  })
})

describe('a hundred failures for a name from all addresses', () => {
  const many = async (times: number) => {
    for (let time = 0; time < times; time += 1) await fail(1, `198.51.100.${time}`)
  }

  it('pause the name everywhere, and one success takes back but its own try', async () => {
    await many(99)
    expect((await logIn(COSMO, '203.0.113.1')).status).toBe(200)
    await many(1)
    await expectPaused(await logIn(COSMO, '203.0.113.1'), 60)
    pass(60)
    expect((await logIn(COSMO, '203.0.113.1')).status).toBe(200)
  }, 20_000)

  it('do not pause the owner who has come in after all, however long the next pause would be', async () => {
    const strict = createIsolate({ LOGIN_MAX_FAILURES_PER_NAME: '3' })
    const from = (address: string, credentials = COSMO) => logIn(credentials, address, {}, strict)
    for (const pause of [0, 0, 0, 60, 120, 240]) {
      pass(pause)
      expect((await from('198.51.100.1', WRONG)).status).toBe(401)
    }
    pass(480)
    for (const address of ['203.0.113.1', '203.0.113.2'])
      expect((await from(address)).status).toBe(200)
    expect((await from('198.51.100.1', WRONG)).status).toBe(401)
    await expectPaused(await from('203.0.113.1'), 960)
  })
})

describe('what a client sends does not change how it is counted (ASVS 4.1.3, 15.3.4):', () => {
  it.each([
    ['X-Forwarded-For', (n: number) => ['192.0.2.1', { 'X-Forwarded-For': `10.0.0.${n}` }]],
    ['Forwarded', (n: number) => ['192.0.2.1', { Forwarded: `for=10.0.0.${n}` }]],
    ['True-Client-IP', (n: number) => ['192.0.2.1', { 'True-Client-IP': `10.0.0.${n}` }]],
    ['an address within its own /64', (n: number) => [`2001:db8:1:2::${n + 1}`, {}]],
    [
      'spellings of an IPv6 address',
      (n: number) => [['2001:db8::1', '2001:0DB8:0:0::1', '2001:db8:0:0:0:0:0:1'][n % 3], {}],
    ],
    [
      'an IPv4 address mapped into IPv6',
      (n: number) => [['::ffff:192.0.2.1', '::ffff:c000:201'][n % 2], {}],
    ],
  ] as [string, (n: number) => [string, Record<string, string>]][])('%s', async (_, vary) => {
    for (let n = 0; n < 10; n += 1) expect((await logIn(WRONG, ...vary(n))).status).toBe(401)
    expect((await logIn(COSMO, ...vary(10))).status).toBe(429)
  })

  it('another /64 is another address', async () => {
    await fail(10, '2001:db8:1:2::1')
    expect((await logIn(COSMO, '2001:db8:1:3::1')).status).toBe(200)
  })

  it('another Unicode spelling is the same name', async () => {
    await fail(5, undefined, { username: 'zo\u00eb', password: 'x' })
    await fail(5, undefined, { username: 'zoe\u0308', password: 'x' })
    expect((await logIn({ username: 'zo\u00eb', password: 'x' })).status).toBe(429)
  })
})

describe('guesses that come at once', () => {
  it('200 for one name from one address: ten hashes, not one more', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => logIn(WRONG)))
    expect(hashes).toBeLessThanOrEqual(10)
    expect(answers.every(({ status }) => [401, 429, 503].includes(status))).toBe(true)
    const refused = answers.filter(({ status }) => status !== 401)
    for (const { headers } of refused) expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0)
  })

  it('for many names: at most twenty wait for their hash, the others are told to come again', async () => {
    const guess = (n: number) => logIn({ username: `user${n}`, password: 'x' }, `192.0.2.${n}`)
    const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => guess(n)))
    const busy = answers.filter(({ status }) => status === 503)
    expect(busy).toHaveLength(40)
    expect(hashes).toBe(20)
    for (const response of busy) expect(response.headers.get('Retry-After')).toBe('1')
    expect((await logIn(COSMO)).status).toBe(200)
  })
})

it('a wrong current password on PUT /me/password counts like a log-in (ASVS 6.3.4)', async () => {
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
  for (let time = 0; time < 5; time += 1) expect((await change('wrong')).status).toBe(400)
  await expectPaused(await change(COSMO.password), 60)
  await expectPaused(await logIn(COSMO), 60)
})

describe("Cloudflare's limiter", () => {
  it('is asked by network, before the body is read', async () => {
    const keys: string[] = []
    const limited = createIsolate({
      LOGIN_LIMITER: {
        limit: async ({ key }: { key: string }) => {
          keys.push(key)
          return { success: false }
        },
      },
    })
    await expectPaused(await logIn(COSMO, '2001:DB8::7', {}, limited), 60)
    expect(keys).toEqual(['2001:db8:0:0::/64'])
    expect(limited.statements).toBe(0)
    expect(hashes).toBe(0)
  })

  it('that does not answer closes the door (ASVS 16.5.3)', async () => {
    const broken = createIsolate({
      LOGIN_LIMITER: { limit: () => Promise.reject(new Error('down')) },
    })
    expect((await logIn(COSMO, '192.0.2.1', {}, broken)).status).toBe(503)
    expect(hashes).toBe(0)
  })
})

it('a pause is logged once per refusal, and names neither password nor a name that may not exist', async () => {
  await fail(10)
  logged.length = 0
  await logIn(COSMO)
  expect(logged).toHaveLength(1)
  expect(JSON.parse(logged[0] ?? '')).toMatchObject({ event: 'login.limited', status: 429 })
  expect(logged[0]).not.toContain(COSMO.username)
})

it('counters are cleaned up when they count no longer, not before', async () => {
  await fail(1)
  const count = async () =>
    (await env.DB.prepare('SELECT count(*) AS n FROM login_failures').first<{ n: number }>())?.n
  const { cleanUp } = await import('../../src/auth/sessions/clean-up.ts')
  const { readConfig } = await import('../../src/config.ts')
  const now = Math.floor(Date.now() / 1000)
  await cleanUp(readConfig(env), now + 900)
  expect(await count()).toBe(2)
  await cleanUp(readConfig(env), now + 901)
  expect(await count()).toBe(0)
})
