import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { COSMO, addUser } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const isolate = createIsolate()
const ADA = { username: 'ada', password: 'analytical engine' }
const DAY = 86_400
const advance = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  await addUser(ADA)
})
afterEach(() => vi.useRealTimers())

type Client = { address: string; agent?: string; target?: ReturnType<typeof createIsolate> }
const logIn = (credentials: object, { address, agent = '', target = isolate }: Client) =>
  target.fetch('/login', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'CF-Connecting-IP': address,
      'User-Agent': agent,
    },
    body: JSON.stringify(credentials),
  })
const wrong = (username = COSMO.username) => ({ username, password: 'wrong' })

/** Sends wrong passwords one after another; returns how many reached the hash. */
async function countHashed(times: number, guess: (n: number) => [object, Client]): Promise<number> {
  let hashed = 0
  for (let n = 0; n < times; n += 1) {
    const { status } = await logIn(...guess(n))
    expect([401, 429]).toContain(status)
    if (status === 401) hashed += 1
  }
  return hashed
}

describe('one customer with an IPv6 prefix cannot lock a user out everywhere:', () => {
  it.each<[title: string, network: (n: number) => string]>([
    ['12 networks of a /56', (n) => `2001:db8:1:ab${(n % 12).toString(16).padStart(2, '0')}::1`],
    ['12 networks spread over a /48', (n) => `2001:db8:1:${(n % 12) * 500}::1`],
    ['a new network of a /48 each time', (n) => `2001:db8:1:${n}::${n}`],
  ])('of 120 failures from %s, 50 count', async (_, network) => {
    const hashed = await countHashed(120, (n) => [wrong(), { address: network(n) }])
    expect(hashed).toBe(50)
    expect((await logIn(COSMO, { address: '2001:db8:2::1' })).status).toBe(200)
    expect((await logIn(COSMO, { address: '203.0.113.1' })).status).toBe(200)
  })
})

describe('one address cannot try many usernames', () => {
  it('of 150 usernames with one password each, 50 are hashed, and users who have logged in there still can', async () => {
    const address = '192.0.2.1'
    expect((await logIn(COSMO, { address })).status).toBe(200)
    const hashed = await countHashed(150, (n) => [wrong(`user${n}`), { address }])
    expect(hashed).toBe(50)
    expect((await logIn(ADA, { address })).status).toBe(429)
    expect((await logIn(COSMO, { address })).status).toBe(200)
    expect((await logIn(ADA, { address: '192.0.2.2' })).status).toBe(200)
  })

  it('of 300 usernames from as many networks of an IPv6 /48, 250 are hashed', async () => {
    const guess = (n: number): [object, Client] => [
      wrong(`user${n}`),
      { address: `2001:db8:1:${n}::1` },
    ]
    expect(await countHashed(300, guess)).toBe(250)
  })

  it('many correct logins from one address are no failures', async () => {
    for (let n = 0; n < 60; n += 1)
      expect((await logIn(ADA, { address: '192.0.2.1', agent: `${n}` })).status).toBe(200)
  })
})

describe('failures for one username decay over a day', () => {
  const target = createIsolate({ LOGIN_MAX_FAILURES_PER_NAME: '10' })

  it.each([
    ['LOGIN_MAX_FAILURES_PER_NAME = 10', 300, 10 + 30, target],
    ['the default of 100', 120, 100 + 110, isolate],
  ])(
    'so with %s, an attempt every %i seconds from new addresses gets at most %i guesses on the first day',
    async (_, interval, most, worker) => {
      const guess = (n: number): [object, Client] => {
        advance(interval)
        return [wrong(), { address: `10.0.${n >> 8}.${n & 255}`, target: worker }]
      }
      expect(await countHashed(DAY / interval, guess)).toBeLessThanOrEqual(most)
    },
  )

  it('so a username is not locked forever: a tenth of a day makes room for one of ten', async () => {
    const fail = (n: number) => countHashed(1, () => [wrong(), { address: `10.0.0.${n}`, target }])
    for (let n = 0; n < 10; n += 1) expect(await fail(n)).toBe(1)
    expect(await fail(10)).toBe(0)
    advance(2 * (DAY / 10))
    expect(await fail(11)).toBe(1) // 9
    expect(await fail(12)).toBe(1) // 10: locked
    expect(await fail(13)).toBe(0)
  })

  it('and frequent correct logins do not stop them from decaying', async () => {
    for (let n = 0; n < 9; n += 1) await logIn(wrong(), { address: `10.0.0.${n}`, target })
    for (let n = 0; n < 30; n += 1) {
      advance(DAY / 30)
      expect((await logIn(COSMO, { address: `10.1.0.${n}`, target })).status).toBe(200)
    }
    for (let n = 0; n < 9; n += 1)
      expect((await logIn(wrong(), { address: `10.2.0.${n}`, target })).status).toBe(401)
  })
})

describe('a device from which its user has logged in', () => {
  const HOME = { address: '203.0.113.1', agent: 'Firefox' }
  const target = createIsolate({ LOGIN_MAX_FAILURES_PER_NAME: '3' })

  it('is spared a lockout of the username that others have caused', async () => {
    expect((await logIn(COSMO, { ...HOME, target })).status).toBe(200)
    await countHashed(3, (n) => [wrong(), { address: `10.0.0.${n}`, target }])
    expect((await logIn(COSMO, { address: '10.1.0.1', target })).status).toBe(429)
    expect((await logIn(COSMO, { ...HOME, target })).status).toBe(200)
    advance(30 * DAY - 60)
    await countHashed(4, (n) => [wrong(), { address: `10.0.0.${n}`, target }])
    expect((await logIn(COSMO, { ...HOME, target })).status).toBe(200)
  })

  it("is spared ten failures of a colleague's browser at the same address", async () => {
    expect((await logIn(COSMO, HOME)).status).toBe(200)
    const colleague = { ...HOME, agent: 'Chrome' }
    expect(await countHashed(12, () => [wrong(), colleague])).toBe(10)
    expect((await logIn(COSMO, colleague)).status).toBe(429)
    expect((await logIn(COSMO, HOME)).status).toBe(200)
  })

  it('is locked by its own ten failures, and for other users it is like any other', async () => {
    expect((await logIn(COSMO, HOME)).status).toBe(200)
    expect(await countHashed(12, () => [wrong(ADA.username), HOME])).toBe(10)
    expect(await countHashed(12, () => [wrong(), HOME])).toBe(10)
    expect((await logIn(COSMO, HOME)).status).toBe(429)
  })

  it('can guess 10 passwords and then one an hour, which is at most 40 on a day', async () => {
    expect((await logIn(COSMO, HOME)).status).toBe(200)
    const guess = (): [object, Client] => {
      advance(300)
      return [wrong(), HOME]
    }
    expect(await countHashed(DAY / 300, guess)).toBeLessThanOrEqual(40)
  })
})

describe('what is counted cannot be computed without the secret (ASVS 11.4.2)', () => {
  const SECRETS = ['Uh3T0cW1fN5qZkq2mB9rXv7LdJ4sYpA8', 'xN7pQ2vLw9Tz4KcR8mYf3HbJ6sDg1AuE']
  const readKeys = async () => {
    const sql = 'SELECT key FROM login_failures UNION ALL SELECT key FROM known_devices'
    const { results } = await env.DB.prepare(sql).all<{ key: string }>()
    await env.DB.batch(
      ['login_failures', 'known_devices'].map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    )
    return results.map(({ key }) => key).toSorted()
  }
  const attempt = async (JWT_SECRET = '') => {
    const target = createIsolate({ JWT_SECRET, SIGNUP: 'open' })
    const client = { address: '192.0.2.1', target }
    await logIn({ username: 'my password in the wrong field', password: 'x' }, client)
    await logIn(COSMO, client)
    await target.fetch('/signup', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': '192.0.2.1' },
      body: JSON.stringify({ username: 'eve', password: 'analytical engine' }),
    })
    return readKeys()
  }

  it('equal attempts have the same keys under one secret, and no key in common under another', async () => {
    const keys = await attempt(SECRETS[0])
    expect(keys.length).toBeGreaterThanOrEqual(8)
    expect(await attempt(SECRETS[0])).toEqual(keys)
    const others = await attempt(SECRETS[1])
    expect(others).toHaveLength(keys.length)
    expect(others.filter((key) => keys.includes(key))).toEqual([])
  })

  it('a rotation of the key starts counters again when the new key signs, not when it is staged or retired', async () => {
    const [old = '', next = ''] = SECRETS
    const client = { address: '192.0.2.1' }
    const at = (secrets: object) => ({ ...client, target: createIsolate(secrets) })
    await countHashed(10, () => [wrong(), at({ JWT_SECRET: old })])
    const staged = at({ JWT_SECRET: old, JWT_SECRET_NEXT: next })
    expect(await countHashed(1, () => [wrong(), staged])).toBe(0)
    const promoted = at({ JWT_SECRET: next, JWT_SECRET_PREVIOUS: old })
    expect(await countHashed(12, () => [wrong(), promoted])).toBe(10)
    expect(await countHashed(1, () => [wrong(), at({ JWT_SECRET: next })])).toBe(0)
  })
})

it('a right password that starts no session clears no counter, and makes no device known', async () => {
  const client = { address: '203.0.113.9', agent: 'Firefox' }
  for (let n = 0; n < 3; n += 1) await logIn(wrong(), client)
  // As when a second factor is added, or the user disabled, while the password is checked.
  await env.DB.prepare(
    'CREATE TRIGGER refused BEFORE INSERT ON sessions BEGIN SELECT RAISE(IGNORE); END',
  ).run()
  const { status } = await logIn(COSMO, client)
  await env.DB.prepare('DROP TRIGGER refused').run()
  expect(status).toBe(401)
  const count = (table: string, column: string) =>
    env.DB.prepare(`SELECT ${column} AS n FROM ${table}`).first('n')
  expect(await count('known_devices', 'count(*)')).toBe(0)
  expect(await count('login_failures', 'min(failures)')).toBe(4)
})
