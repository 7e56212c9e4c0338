import { insertUser } from '../../src/db/user-changes.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { generateSecret } from '../../src/cli/cloudflare/ring-file.ts'
import { buildWorker, type Host, startHost } from './host.ts'

const GUESSES = 10_000
const USERNAMES = 2000
const CONCURRENCY = 20

// A cheap hash, so that the limits stop the attack and not the cost of hashing.
const CHEAP_HASH =
  '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'

/** Starts a host with 2,000 users. `failed` collects a log line per failed login, so one per computed hash. */
async function startVictim() {
  const failed: string[] = []
  const host = await startHost(
    buildWorker(),
    { latchkey: { JWT_SECRET: await generateSecret('HS256') } },
    { loginLimit: 30, onLog: (line) => line.includes('"login.failed"') && failed.push(line) },
  )
  await inParallel(USERNAMES, async (number) => {
    await insertUser(host.db, { username: `user${number}`, passwordHash: CHEAP_HASH, roles: [] }, 1)
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

/** Runs `work` for each number below `count`, 20 at a time. */
async function inParallel(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0
  const sendNext = async () => {
    while (next < count) {
      next += 1
      await work(next - 1)
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, sendNext))
}

type Guess = (number: number) => [username: string, address: string]

/** Sends all guesses. Returns the number of responses per status, and the rejections without Retry-After. */
async function attack(host: Host, guess: Guess) {
  const statuses: Record<number, number> = {}
  const withoutRetryAfter: number[] = []
  await inParallel(GUESSES, async (number) => {
    const [username, address] = guess(number)
    const response = await postLogin(host, username, 'wrong', address)
    await response.arrayBuffer()
    statuses[response.status] = (statuses[response.status] ?? 0) + 1
    const seconds = Number(response.headers.get('Retry-After'))
    if (response.status !== 401 && !(seconds >= 1 && seconds <= 3600))
      withoutRetryAfter.push(response.status)
  })
  return { statuses, withoutRetryAfter }
}

/** Counts the lockouts that are recorded, and everything else that is not a login or a new user. */
async function countRecorded({ db }: Host): Promise<{ lockouts: number; others: number }> {
  const { results } = await db
    .prepare("SELECT event FROM events WHERE event NOT IN ('login.succeeded', 'user.added')")
    .all<{ event: string }>()
  const lockouts = results.filter(({ event }) => event === 'login.limited').length
  return { lockouts, others: results.length - lockouts }
}

/** Sends as many cheap requests, to show how far the load alone slows the machine down. */
const sendCheapLoad = (host: Host) =>
  inParallel(GUESSES, async () => {
    await (await host.fetch('latchkey', '/health')).arrayBuffer()
  })

/** Calls the guarded endpoint every 20 ms. Returns a function that stops it and returns statuses and latencies. */
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

/** Measures the guarded endpoint on its own, during cheap load and during the attack. */
async function measure(victim: Victim, title: string, guess: Guess) {
  const { host, failed } = victim
  const before = failed.length
  const login = await postLogin(host, 'user0', 'password', '203.0.113.1')
  const { access_token: token } = (await login.json()) as { access_token: string }
  const measureDuring = async <Result>(
    phase: string,
    work: () => Promise<Result>,
  ): Promise<Result> => {
    const stop = startGuarded(host, token)
    const result = await work()
    const { statuses, line } = await stop()
    console.log(`${title}; guarded requests ${phase}: ${line}`)
    expect(statuses).toEqual([200])
    return result
  }
  await measureDuring('without load', () => new Promise((resolve) => setTimeout(resolve, 3000)))
  await measureDuring('during cheap load', () => sendCheapLoad(host))
  const { statuses, withoutRetryAfter } = await measureDuring('during the attack', () =>
    attack(host, guess),
  )
  console.log(`${title}; responses to the attack: ${JSON.stringify(statuses)}`)
  expect(withoutRetryAfter).toEqual([])
  return { statuses, hashes: failed.length - before }
}

describe('10,000 guesses for 2,000 usernames, 20 at a time (ASVS 6.3.1, 2.4.1)', () => {
  let victim: Victim
  beforeAll(async () => {
    victim = await startVictim()
  }, 120_000)
  afterAll(() => victim.host.dispose())

  it('of 10,000 guesses from one address, only 30 attempts a minute are hashed, and the guard keeps responding', async () => {
    const startMs = Date.now()
    const { statuses, hashes } = await measure(victim, 'one address', (number) => [
      `nobody${number % USERNAMES}`, // costs a full hash
      '192.0.2.1',
    ])
    const periods = Math.ceil((Date.now() - startMs) / 60_000) + 1
    expect(hashes).toBeLessThanOrEqual(30 * periods)
    expect(hashes).toBe(statuses[401])
    expect(statuses[429]).toBe(GUESSES - hashes)
    expect(await countRecorded(victim.host)).toEqual({ lockouts: 0, others: 0 })
  }, 600_000)

  it('of 10,000 guesses from as many addresses, only 100 per username are hashed, a lockout is one event, and the guard keeps responding', async () => {
    const startMs = Date.now()
    // Half of the guesses target ten usernames, 500 each. Every other username gets three at most.
    const { statuses, hashes } = await measure(victim, 'many addresses', (number) => [
      number % 2 ? `user${(number >> 1) % 10}` : `user${10 + ((number >> 1) % (USERNAMES - 10))}`,
      `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`,
    ])
    // On a slow machine, lockouts of 60, 120 and 240 s expire during the test. Each then allows one attempt.
    const expired = [60, 180, 420].filter((seconds) => seconds * 1000 < Date.now() - startMs).length
    expect(hashes).toBeGreaterThanOrEqual(5000 + 10 * 100)
    expect(hashes).toBeLessThanOrEqual(5000 + 10 * (100 + expired))
    expect(hashes).toBe(statuses[401])
    expect(statuses[429]).toBe(GUESSES - hashes)
    const { lockouts, others } = await countRecorded(victim.host)
    expect(others).toBe(0)
    expect(lockouts).toBeGreaterThanOrEqual(10)
    expect(lockouts).toBeLessThanOrEqual(10 * (1 + expired))
  }, 600_000)
})
