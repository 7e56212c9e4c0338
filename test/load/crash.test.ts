import { insertUser } from '../../src/db/user-changes.ts'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { argon2id } from '../../src/cli/users/argon2.ts'
import { generateSecret } from '../../src/cli/cloudflare/ring-file.ts'
import { buildWorker, type Host, startHost } from './host.ts'

const KILLS = 20
/** The number of clients at the first kill, and how many more start before each kill. */
const INITIAL_CLIENTS = 14
const CLIENTS_PER_KILL = 3
/** Users of the clients in turn, because one may log in only 100 times in 15 minutes. */
const USERS = ['cosmo', 'eve', 'grace', 'linus']
const PASSWORD = 'space-corgi'
let created = 0

/** Logs in once and then only refreshes, with the newest token that it has received. */
class Client {
  readonly username = USERS[(created += 1) % USERS.length] ?? ''
  refreshToken = ''
  responses = 0
  logins = 0

  async act(host: Host): Promise<void> {
    const response = this.refreshToken ? await this.#refresh(host) : await this.#logIn(host)
    const text = await response.text()
    if (response.status !== 200) throw new Error(`${response.status} ${text}`)
    this.refreshToken = (JSON.parse(text) as { refresh_token: string }).refresh_token
    this.responses += 1
  }

  #logIn = (host: Host) => {
    this.logins += 1
    return host.fetch('latchkey', '/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: this.username, password: PASSWORD }),
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
    LOGIN_MAX_FAILURES: '1000', // a login in progress counts as a failure until its password has been verified
    LOGIN_MAX_FAILURES_PER_NAME: '1000',
  }
  start = () => startHost(build, { latchkey: bindings }, { folder })
  host = await start()
  const passwordHash = hashPassword(PASSWORD, argon2id)
  for (const username of USERS) await insertUser(host.db, { username, passwordHash, roles: [] }, 1)
}, 120_000)
afterAll(() => host.dispose())

/** Runs all clients until workerd is killed, then restarts it on the same files. Returns how each client stopped. */
async function crash(clients: Client[], afterMs: number): Promise<string[]> {
  const running = clients.map(async (client) => {
    for (;;) await client.act(host)
  })
  setTimeout(() => process.kill(host.pid, 'SIGKILL'), afterMs)
  const outcomes = await Promise.allSettled(running)
  await host.dispose()
  host = await start()
  return outcomes.map((outcome) =>
    outcome.status === 'rejected' ? String(outcome.reason) : 'kept running',
  )
}

const readJti = (token: string) => {
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return (JSON.parse(claims) as { jti: string }).jti
}

it('kill -9 during 500 refreshes and logins neither loses nor duplicates a session or its event, and every client continues (ASVS 2.3.3)', async () => {
  const clients = Array.from({ length: INITIAL_CLIENTS }, () => new Client())
  for (let kill = 0; kill < KILLS; kill += 1) {
    clients.push(...Array.from({ length: CLIENTS_PER_KILL }, () => new Client()))
    const outcomes = await crash(clients, 20 + Math.random() * 150)
    for (const outcome of outcomes)
      expect(outcome).toMatch(/^TypeError: (fetch failed|terminated)$/)
    for (const client of clients) await client.act(host) // with the last token that it has received
  }
  const sum = (count: 'responses' | 'logins') =>
    clients.reduce((total, client) => total + client[count], 0)
  expect(sum('responses')).toBeGreaterThanOrEqual(500)
  const { results } = await host.db
    .prepare('SELECT id, generation FROM sessions WHERE revoked_at IS NULL')
    .all<{ id: string; generation: number }>()
  const activeSessions = results.map(({ id, generation }) => `${id}.${generation}`)
  expect(activeSessions).toEqual(
    expect.arrayContaining(clients.map((client) => readJti(client.refreshToken))),
  )
  expect(new Set(activeSessions).size).toBe(activeSessions.length)
  expect(activeSessions.length).toBeLessThanOrEqual(sum('logins')) // a login whose response was lost has a session too
  const { results: started } = await host.db.prepare('SELECT log_id FROM sessions').all()
  const { results: logins } = await host.db
    .prepare("SELECT session AS log_id FROM events WHERE event = 'login.succeeded'")
    .all()
  const toLines = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).toSorted()
  expect(toLines(logins)).toEqual(toLines(started)) // each session has its event, and each event its session
  const check = await host.db.prepare('PRAGMA quick_check').all()
  expect(check.results).toEqual([{ quick_check: 'ok' }])
  console.log(
    `${KILLS} kills, ${sum('responses')} responses; ${clients.length} clients, ${activeSessions.length} active sessions, ${sum('logins')} logins sent`,
  )
}, 240_000)

it('kill -9 while a password is reset leaves the code valid and the old password, or has done all of it and recorded it', async () => {
  const root = { username: 'root', password: 'a tree with many branches' }
  const ada = { username: 'ada', password: 'a cat in a rocket, purring' }
  for (const [user, roles] of [
    [root, ['admin']],
    [ada, []],
  ] as const) {
    const passwordHash = hashPassword(user.password, argon2id)
    await insertUser(host.db, { username: user.username, passwordHash, roles: [...roles] }, 1)
  }
  const post = (path: string, body: object, token = '') =>
    host.fetch('latchkey', path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    })
  const read = async (response: Response) => (await response.json()) as Record<string, string>
  let kept = 0
  for (let kill = 0; kill < KILLS / 2; kill += 1) {
    const { access_token: token } = await read(await post('/login', root))
    const { code } = await read(await post('/users/ada/reset-code', {}, token))
    const next = `${ada.password} ${kill}`
    const reset = post('/reset-password', { code, new_password: next }).catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 80))
    process.kill(host.pid, 'SIGKILL')
    await reset
    await host.dispose()
    host = await start()
    const isKept = (await post('/login', ada)).status === 200
    const withNext = await post('/login', { ...ada, password: next })
    expect(withNext.status).toBe(isKept ? 401 : 200)
    const again = await post('/reset-password', { code, new_password: next })
    expect(again.status).toBe(isKept ? 200 : 400)
    ada.password = next
    kept += Number(isKept)
  }
  const { results } = await host.db
    .prepare("SELECT event FROM events WHERE username = 'ada' AND event = 'password.reset'")
    .all()
  expect(results).toHaveLength(KILLS / 2) // one for each password, whether or not its response arrived
  console.log(`${KILLS / 2} kills, ${kept} of them before the password was written`)
}, 240_000)
