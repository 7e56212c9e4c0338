import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { insertUser } from '../../src/db/users.ts'
import { generateSecret } from '../../src/cli/cloudflare/ring-file.ts'
import { buildWorker, type Host, startHost } from './host.ts'

const GUESSES = 10_000
const NAMES = 2000
const AT_ONCE = 20

// Of little cost, so that it is the limits that hold the attack up, and not the hash.
const CHEAP = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'

/** A host with 2,000 users, and how many hashes it has computed: each failure is logged after one. */
async function startVictim() {
  const failed: string[] = []
  const host = await startHost(
    buildWorker(),
    { latchkey: { JWT_SECRET: await generateSecret('HS256') } },
    { loginLimit: 30, onLog: (line) => line.includes('"login.failed"') && failed.push(line) },
  )
  await inParallel(NAMES, async (number) => {
    await insertUser(host.db, { username: `user${number}`, passwordHash: CHEAP, roles: [] }, 1)
  })
  return { host, failed }
}

type Victim = Awaited<ReturnType<typeof startVictim>>

const postLogin = (host: Host, username: string, password: string, address: string) =>
  host.fetch('latchkey', '/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': address },
    body: JSON.stringify({ username, password }),
  })

/** Does the work for each number below `count`, 20 at once. */
async function inParallel(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0
  const sendNext = async () => {
    while (next < count) {
      next += 1
      await work(next - 1)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sendNext))
}

type Guess = (number: number) => [name: string, address: string]

/** Sends all guesses: how many answers there were of each status, and which refusals came without Retry-After. */
async function attack(host: Host, guess: Guess) {
  const statuses: Record<number, number> = {}
  const withoutRetryAfter: number[] = []
  await inParallel(GUESSES, async (number) => {
    const [name, address] = guess(number)
    const response = await postLogin(host, name, 'wrong', address)
    await response.arrayBuffer()
    statuses[response.status] = (statuses[response.status] ?? 0) + 1
    const seconds = Number(response.headers.get('Retry-After'))
    if (response.status !== 401 && !(seconds >= 1 && seconds <= 3600))
      withoutRetryAfter.push(response.status)
  })
  return { statuses, withoutRetryAfter }
}

/** As many requests at once that cost nothing: what the machine itself takes. */
const crowd = (host: Host) =>
  inParallel(GUESSES, async () => {
    await (await host.fetch('latchkey', '/health')).arrayBuffer()
  })

/** Calls the guarded endpoint every 20 ms until told to stop: the statuses, and how long 99 of 100 took at most. */
function startGuarded(host: Host, token: string) {
  const times: number[] = []
  const statuses = new Set<number>()
  const stop = new AbortController()
  const done = (async () => {
    while (!stop.signal.aborted) {
      const before = performance.now()
      const headers = { Authorization: `Bearer ${token}` }
      const response = await host.fetch('latchkey', '/protected', { headers })
      await response.arrayBuffer()
      times.push(performance.now() - before)
      statuses.add(response.status)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  return async () => {
    stop.abort()
    await done
    times.sort((a, b) => a - b)
    const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1)
    return {
      statuses: [...statuses],
      line: `${times.length} requests, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    }
  }
}

/** Attacks, and calls the guarded endpoint alone, beside a crowd and beside the attack. */
async function measure(victim: Victim, title: string, guess: Guess) {
  const { host, failed } = victim
  const before = failed.length
  const login = await postLogin(host, 'user0', 'password', '203.0.113.1')
  const { access_token: token } = (await login.json()) as { access_token: string }
  const beside = async <Result>(name: string, work: () => Promise<Result>): Promise<Result> => {
    const stop = startGuarded(host, token)
    const result = await work()
    const { statuses, line } = await stop()
    console.log(`${title}; guarded requests ${name}: ${line}`)
    expect(statuses).toEqual([200])
    return result
  }
  await beside('alone', () => new Promise((resolve) => setTimeout(resolve, 3000)))
  await beside('beside a crowd', () => crowd(host))
  const { statuses, withoutRetryAfter } = await beside('beside the attack', () =>
    attack(host, guess),
  )
  console.log(`${title}; answers to the attack: ${JSON.stringify(statuses)}`)
  expect(withoutRetryAfter).toEqual([])
  return { statuses, hashes: failed.length - before }
}

describe('10,000 guesses over 2,000 names, 20 at once (ASVS 6.3.1, 2.4.1)', () => {
  let victim: Victim
  beforeAll(async () => {
    victim = await startVictim()
  }, 120_000)
  afterAll(() => victim.host.dispose())

  it('from one address: its 30 tries a minute are hashed and no more, and the guard goes on', async () => {
    const began = Date.now()
    const { statuses, hashes } = await measure(victim, 'one address', (number) => [
      `nobody${number % NAMES}`, // at the cost of a whole hash
      '192.0.2.1',
    ])
    const periods = Math.ceil((Date.now() - began) / 60_000) + 1
    expect(hashes).toBeLessThanOrEqual(30 * periods)
    expect(hashes).toBe(statuses[401])
    expect(statuses[429]).toBe(GUESSES - hashes)
  }, 600_000)

  it('from as many addresses: a hundred of each name are hashed and no more, and the guard goes on', async () => {
    const began = Date.now()
    // Half of the guesses go at ten names, so at each of them 500; the others get three at most.
    const { statuses, hashes } = await measure(victim, 'many addresses', (number) => [
      number % 2 ? `user${(number >> 1) % 10}` : `user${10 + ((number >> 1) % (NAMES - 10))}`,
      `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`,
    ])
    // On a slow machine pauses end meanwhile: after 60 s, 120 s more, 240 s more. Each lets one through.
    const ended = [60, 180, 420].filter((seconds) => seconds * 1000 < Date.now() - began).length
    expect(hashes).toBeGreaterThanOrEqual(5000 + 10 * 100)
    expect(hashes).toBeLessThanOrEqual(5000 + 10 * (100 + ended))
    expect(hashes).toBe(statuses[401])
    expect(statuses[429]).toBe(GUESSES - hashes)
  }, 600_000)
})
