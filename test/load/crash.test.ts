import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { argon2id } from '../../src/cli/users/argon2.ts'
import { generateSecret } from '../../src/cli/cloudflare/ring-file.ts'
import { insertUser } from '../../src/db/users.ts'
import { buildWorker, type Host, startHost } from './host.ts'

const KILLS = 20
/** How many clients there are at the first kill, and how many more log in during each. */
const FIRST = 14
const MORE = 3
const COSMO = { username: 'cosmo', password: 'space-corgi' }

/** Logs in once, and refreshes from then on; it keeps the newest token whose answer has reached it. */
class Client {
  refreshToken = ''
  answered = 0
  logins = 0

  async act(host: Host): Promise<void> {
    const response = this.refreshToken ? await this.#refresh(host) : await this.#logIn(host)
    const text = await response.text()
    if (response.status !== 200) throw new Error(`${response.status} ${text}`)
    this.refreshToken = (JSON.parse(text) as { refresh_token: string }).refresh_token
    this.answered += 1
  }

  #logIn = (host: Host) => {
    this.logins += 1
    return host.fetch('latchkey', '/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(COSMO),
    })
  }

  #refresh = (host: Host) =>
    host.fetch('latchkey', '/refresh', {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.refreshToken}` },
    })
}

let start: () => Promise<Host>
let host: Host
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-crash-'))
  const build = buildWorker()
  const bindings = {
    JWT_SECRET: await generateSecret('HS256'),
    MAX_SESSIONS: '1000',
    LOGIN_MAX_FAILURES: '1000', // a log-in under way counts as a failure until its password is right
    LOGIN_MAX_FAILURES_PER_NAME: '1000',
  }
  start = () => startHost(build, { latchkey: bindings }, { folder })
  host = await start()
  const passwordHash = hashPassword(COSMO.password, argon2id)
  await insertUser(host.db, { username: COSMO.username, passwordHash, roles: [] }, 1)
}, 120_000)
afterAll(() => host.dispose())

/** All clients at once, until workerd is killed after some ms; then it starts on the same files again. */
async function crash(clients: Client[], afterMs: number): Promise<string[]> {
  const running = clients.map(async (client) => {
    for (;;) await client.act(host)
  })
  setTimeout(() => process.kill(host.pid, 'SIGKILL'), afterMs)
  const ends = await Promise.allSettled(running)
  await host.dispose()
  host = await start()
  return ends.map((end) => (end.status === 'rejected' ? String(end.reason) : 'went on'))
}

const readJti = (token: string) => {
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return (JSON.parse(claims) as { jti: string }).jti
}

it('kill -9 in the midst of 500 refreshes and log-ins loses and doubles no session, and every client goes on (ASVS 2.3.3)', async () => {
  const clients = Array.from({ length: FIRST }, () => new Client())
  for (let kill = 0; kill < KILLS; kill += 1) {
    clients.push(...Array.from({ length: MORE }, () => new Client()))
    const ends = await crash(clients, 20 + Math.random() * 150)
    for (const end of ends) expect(end).toMatch(/^TypeError: (fetch failed|terminated)$/)
    for (const client of clients) await client.act(host) // with the token that it holds
  }
  const sum = (count: 'answered' | 'logins') =>
    clients.reduce((total, client) => total + client[count], 0)
  expect(sum('answered')).toBeGreaterThanOrEqual(500)
  const { results } = await host.db
    .prepare('SELECT id, generation FROM sessions WHERE revoked_at IS NULL')
    .all<{ id: string; generation: number }>()
  const live = results.map(({ id, generation }) => `${id}.${generation}`)
  expect(live).toEqual(
    expect.arrayContaining(clients.map((client) => readJti(client.refreshToken))),
  )
  expect(new Set(live).size).toBe(live.length)
  expect(live.length).toBeLessThanOrEqual(sum('logins')) // a log-in whose answer was lost has one
  const check = await host.db.prepare('PRAGMA quick_check').all()
  expect(check.results).toEqual([{ quick_check: 'ok' }])
  console.log(
    `${KILLS} kills, ${sum('answered')} answers; ${clients.length} clients, ${live.length} live sessions, ${sum('logins')} log-ins sent`,
  )
}, 240_000)
