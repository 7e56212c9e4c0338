import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'

import { insertUser } from '../../src/db/user-changes.ts'
import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { markEveryoneRevoked } from '../../src/db/everyone.ts'
import { argon2id } from '../../src/cli/users/argon2.ts'
import { FORGERIES } from '../auth/tokens/forgeries.ts'
import { type Genuine, remint, startGenuine } from '../auth/tokens/forge.ts'
import { buildWorker, type Host, startHost } from './host.ts'

// Two Workers on workerd: Latchkey, and one that has nothing but a service binding to it.

const platform = vi.hoisted(() => ({
  env: { JWT_SECRET: 'Uh3T0cW1fN5qZkq2mB9rXv7LdJ4sYpA8', JWT_ISSUER: 'latchkey' },
  fetch: undefined as unknown as (url: string, init: RequestInit) => Promise<Response>,
}))
// The table of forgeries runs in Node here, and gets what it forges from Latchkey in workerd.
vi.mock('cloudflare:workers', () => ({
  env: { ...platform.env, DB: {}, LOGIN_LIMITER: {}, REFRESH_LIMITER: {} },
  exports: { default: { fetch: (url: string, init: RequestInit) => platform.fetch(url, init) } },
}))
vi.mock('../../src/auth/passwords/argon2.ts', () => ({ argon2id: undefined }))
vi.mock('../../src/auth/encoding.ts', async (load) => ({
  ...(await load<object>()),
  fromBase64url: (text: string) => Buffer.from(text, 'base64url'), // workerd has it, Node 24 has not
}))

const HASH = hashPassword('space-corgi', argon2id)
const lines: string[] = []
let host: Host
beforeAll(async () => {
  const watched = buildWorker('test/load/workers/watched.ts')
  const bind = (name: string) => ({
    build: buildWorker(`test/load/workers/${name}.ts`),
    latchkey: 'latchkey',
  })
  const onLog = (line: string) => void lines.push(line)
  host = await startHost(
    watched,
    { latchkey: { JWT_SECRET: platform.env.JWT_SECRET } },
    { consumers: { consumer: bind('consumer'), earlier: bind('earlier') }, onLog },
  )
  platform.fetch = (url, init) => host.fetch('latchkey', new URL(url).pathname, init)
  await advance(0)
  await addUser('cosmo')
  await addUser('ada', ['admin'])
}, 60_000)
afterAll(() => host.dispose())

let users = 0
const addUser = (username: string, roles: string[] = []) =>
  insertUser(host.db, { username, passwordHash: HASH, roles }, 1)

const REVOCATION_SECONDS = 5
const UNREACHABLE = {
  status: 503,
  body: '{"error":"Service unavailable"}',
  'X-Error-Code': 'latchkey_unreachable',
  'Retry-After': '5',
}

const post = (path: string, body = '', init: RequestInit = {}) =>
  host.fetch('latchkey', path, { method: 'POST', body, ...init })

const JSON_BODY = { headers: { 'Content-Type': 'application/json' } }

async function logIn(username = 'cosmo', password = 'space-corgi'): Promise<string> {
  const response = await post('/login', JSON.stringify({ username, password }), JSON_BODY)
  return ((await response.json()) as { access_token: string }).access_token
}

const withToken = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })
const ask = (path: string, token: string) => host.fetch('consumer', path, withToken(token))
const statusOf = async (path: string, token: string) => (await ask(path, token)).status

let clockMs = Date.now()

/** Moves the clocks of both Workers, which stand still otherwise. */
async function advance(seconds: number): Promise<void> {
  clockMs += seconds * 1000
  await post('/__clock', String(clockMs))
  await host.fetch('consumer', '/clock', { method: 'POST', body: String(clockMs) })
}

type Counts = { verify: number; revoked: number; statements: number }
const readCounts = async () => (await (await post('/__counts')).json()) as Counts

/** Returns how often Latchkey was asked during `work`, and how many statements it sent to D1. */
async function count(work: () => Promise<unknown>): Promise<Counts> {
  const before = await readCounts()
  await work()
  const after = await readCounts()
  return {
    verify: after.verify - before.verify,
    revoked: after.revoked - before.revoked,
    statements: after.statements - before.statements,
  }
}

/** Returns what a guard says in a response. */
const summarise = async (response: Response) => ({
  status: response.status,
  body: await response.text(),
  ...Object.fromEntries(
    ['Content-Type', 'WWW-Authenticate', 'X-Error-Code', 'Retry-After'].map((name) => [
      name,
      response.headers.get(name),
    ]),
  ),
})

describe('another Worker says to a request what Latchkey says, byte for byte:', () => {
  let genuine: Genuine
  beforeAll(async () => {
    genuine = await startGenuine()
  })

  const expectSame = async (init: RequestInit) => {
    const expected = await summarise(await host.fetch('latchkey', '/protected', init))
    for (const path of ['/reports', '/plain']) {
      const actual = await summarise(await host.fetch('consumer', path, init))
      expect({ path, ...actual }).toEqual({ path, ...expected })
    }
    return expected
  }

  it.each(FORGERIES)('a forged token (%s) is rejected with "%s"', async (_, msg, make) => {
    const token = await make(genuine)
    const { status, body } = await expectSame(withToken(token))
    expect({ status, body }).toEqual({ status: 401, body: JSON.stringify({ msg }) })
    // A second time, so that nothing forged is cached as valid.
    expect(await statusOf('/reports', token)).toBe(401)
  })

  it.each<[title: string, make: () => Headers]>([
    ['none', () => new Headers()],
    ['an empty one', () => new Headers({ Authorization: '' })],
    ['another scheme', () => new Headers({ Authorization: 'Basic eA==' })],
    ['one without a token', () => new Headers({ Authorization: 'Bearer' })],
    ['one with two tokens', () => toHeaders(`Bearer ${genuine.token} ${genuine.token}`)],
    ['two of them', () => toHeaders(`Bearer ${genuine.token}`, `Bearer ${genuine.token}`)],
    [
      'two of them, one of another scheme',
      () => toHeaders('Basic eA==', `Bearer ${genuine.token}`),
    ],
  ])('an Authorization header (%s) is rejected without a call', async (_, make) => {
    const counts = await count(async () => {
      expect((await expectSame({ headers: make() })).status).toBe(401)
    })
    expect(counts).toMatchObject({ verify: 0, revoked: 0 })
  })

  it.each(['bearer', 'BEARER', 'Bearer '])('the scheme "%s" is accepted', async (scheme) => {
    const headers = { Authorization: `${scheme} ${genuine.token}` }
    expect((await host.fetch('consumer', '/reports', { headers })).status).toBe(200)
  })

  it('HEAD is rejected like GET', async () => {
    const init = { method: 'HEAD', ...withToken(await remint(genuine, { exp: 1 })) }
    expect((await expectSame(init)).status).toBe(401)
  })

  it('a guard with `optional` lets a request without a token pass, and none with a bad one', async () => {
    expect(await (await host.fetch('consumer', '/public')).json()).toEqual({ for: 'anyone' })
    expect(await statusOf('/public', await remint(genuine, { exp: 1 }))).toBe(401)
    const headers = { Authorization: 'Basic eA==' }
    expect((await host.fetch('consumer', '/public', { headers })).status).toBe(401)
  })

  it.each(['fetch', 'env', 'ctx', 'scheduled', 'constructor', 'respond'])(
    'nothing but its two methods is reachable over the binding: %s fails',
    async (method) => {
      expect((await host.fetch('consumer', `/try/${method}`)).status).toBe(500)
    },
  )

  it('a handler cannot change what the next request with the same token is told', async () => {
    expect(await statusOf('/change', genuine.token)).toBe(500)
    expect(await (await ask('/reports', genuine.token)).json()).toEqual({ for: 'cosmo' })
  })
})

const toHeaders = (...values: string[]) =>
  new Headers(values.map((value) => ['Authorization', value]))

describe('what a request costs:', () => {
  it('1,000 requests with cached tokens cost no call except for the list of revoked sessions', async () => {
    const tokens = await Promise.all([logIn(), logIn(), logIn()])
    for (const token of tokens) await ask('/reports', token)
    await ask('/reports', tokens[0] ?? '')
    const counts = await count(async () => {
      for (let sent = 0; sent < 1000; sent += 1) await ask('/reports', tokens[sent % 3] ?? '')
    })
    expect(counts).toEqual({ verify: 0, revoked: 0, statements: 0 })
    const later = await count(async () => {
      for (let sent = 0; sent < 100; sent += 1) {
        await ask('/reports', tokens[sent % 3] ?? '')
        await advance(0.1)
      }
    })
    // Within 9.9 seconds, one read of the list in the background in each half of REVOCATION_SECONDS.
    expect(later).toEqual({ verify: 0, revoked: 3, statements: 3 })
  })

  it('1,000 different tokens cost one call each, and one read of D1 in all', async () => {
    const genuine = await startGenuine()
    const tokens = await Promise.all(
      Array.from({ length: 1000 }, (_, index) => remint(genuine, { jti: String(index) })),
    )
    await advance(REVOCATION_SECONDS) // Latchkey's own list is outdated
    const counts = await count(async () => {
      expect(await statusOf('/reports', tokens.pop() ?? '')).toBe(200)
      const statuses = await Promise.all(tokens.map((token) => statusOf('/reports', token)))
      expect(new Set(statuses)).toEqual(new Set([200]))
    })
    expect(counts).toEqual({ verify: 1000, revoked: 0, statements: 1 })
  })

  it('each forged token, however often it is sent, is asked of Latchkey', async () => {
    const forged = await remint(await startGenuine(), {}, { kid: 'mine' })
    const counts = await count(async () => {
      for (let sent = 0; sent < 5; sent += 1) expect(await statusOf('/reports', forged)).toBe(401)
    })
    expect(counts.verify).toBe(5)
  })

  it('a cached token expires at its exp', async () => {
    const genuine = await startGenuine()
    const iat = Number(genuine.claims.iat)
    const token = await remint(genuine, { exp: iat + 20 })
    expect(await statusOf('/reports', token)).toBe(200)
    await advance(26)
    expect(await summarise(await ask('/reports', token))).toMatchObject({
      status: 401,
      body: '{"msg":"Token has expired"}',
    })
  })
})

describe('`roles` and `fresh` are asked of Latchkey at every request:', () => {
  it('roles', async () => {
    const token = await remint(await startGenuine(), { roles: ['auditor'] })
    const counts = await count(async () => {
      for (let sent = 0; sent < 3; sent += 1) expect(await statusOf('/auditors', token)).toBe(200)
    })
    expect(counts.verify).toBe(3)
    const response = await ask('/auditors', await logIn())
    expect(await summarise(response)).toMatchObject({
      status: 403,
      body: '{"msg":"Role required"}',
      'X-Error-Code': 'role_missing',
      'WWW-Authenticate':
        'Bearer realm="latchkey", error="insufficient_scope", error_description="Role required"',
    })
  })

  it('fresh, from the database, so that a logout works at once', async () => {
    const token = await logIn()
    for (let sent = 0; sent < 2; sent += 1) expect(await statusOf('/fresh', token)).toBe(200)
    await host.fetch('latchkey', '/logout', { method: 'POST', ...withToken(token) })
    expect(await statusOf('/fresh', token)).toBe(401)
    const old = await logIn()
    expect(await statusOf('/reports', old)).toBe(200)
    await advance(61)
    expect(await summarise(await ask('/fresh', old))).toMatchObject({
      status: 401,
      body: '{"msg":"Fresh token required"}',
      'WWW-Authenticate':
        'Bearer realm="latchkey", error="insufficient_user_authentication", error_description="Fresh token required", max_age="60"',
    })
  })
})

describe('a revoked session is rejected by another Worker within REVOCATION_SECONDS after', () => {
  it.each<[event: string, revoke: (token: string) => Promise<unknown>]>([
    ['a logout', (token) => post('/logout', '', withToken(token))],
    [
      'a password change',
      (token) => {
        const body = JSON.stringify({
          current_password: 'space-corgi',
          new_password: 'a much longer passphrase',
        })
        const headers = { ...JSON_BODY.headers, ...withToken(token).headers }
        return host.fetch('latchkey', '/me/password', { method: 'PUT', body, headers })
      },
    ],
    [
      'an admin disables the user',
      async (token) => {
        const admin = { ...JSON_BODY.headers, ...withToken(await logIn('ada')).headers }
        const { for: name } = (await (await ask('/reports', token)).json()) as { for: string }
        const init = { method: 'PATCH', headers: admin, body: '{"disabled":true}' }
        const response = await host.fetch('latchkey', `/users/${name}`, init)
        expect(response.status).toBe(200)
      },
    ],
    ['logout --everyone', () => markEveryoneRevoked(host.db)],
  ])('%s', async (_, revoke) => {
    const username = `user${(users += 1)}`
    await addUser(username)
    const token = await logIn(username)
    for (let sent = 0; sent < 2; sent += 1) expect(await statusOf('/reports', token)).toBe(200)
    await revoke(token)
    await advance(REVOCATION_SECONDS)
    const refused = await summarise(await ask('/reports', token))
    expect(refused).toMatchObject({ status: 401, body: '{"msg":"Token has been revoked"}' })
    expect(refused).toEqual(
      await summarise(await host.fetch('latchkey', '/protected', withToken(token))),
    )
  })
})

describe('without Latchkey another Worker responds with 503, and never with 200:', () => {
  afterEach(() => post('/__stop', 'false'))

  it('a cached token for at most REVOCATION_SECONDS, and any other token at once', async () => {
    const [cached, other] = [await logIn(), await logIn()]
    for (let sent = 0; sent < 2; sent += 1) expect(await statusOf('/reports', cached)).toBe(200)
    await post('/__stop', 'true')
    expect(await statusOf('/reports', cached)).toBe(200)
    await advance(REVOCATION_SECONDS)
    for (const path of ['/reports', '/plain'])
      expect(await summarise(await ask(path, cached))).toMatchObject(UNREACHABLE)
    expect(await summarise(await ask('/reports', other))).toMatchObject(UNREACHABLE)
    await post('/__stop', 'false')
    for (const token of [cached, other]) expect(await statusOf('/reports', token)).toBe(200)
  })
})

describe('the guard of an earlier version works with the Latchkey of today:', () => {
  const send = (path: string, token: string) => host.fetch('earlier', path, withToken(token))

  it.each(['/reports', '/plain'])('%s', async (path) => {
    const token = await logIn()
    const counts = await count(async () => {
      for (let sent = 0; sent < 3; sent += 1) expect((await send(path, token)).status).toBe(200)
    })
    expect(counts).toMatchObject({ verify: 1 })
    const expected = await host.fetch('latchkey', '/protected', withToken(`${token}x`))
    expect(await summarise(await send(path, `${token}x`))).toEqual(await summarise(expected))
  })

  it('roles, and a recent login', async () => {
    const genuine = await startGenuine()
    expect((await send('/auditors', genuine.token)).status).toBe(403)
    const auditor = await remint(genuine, { roles: ['auditor'] })
    expect((await send('/auditors', auditor)).status).toBe(200)
    expect((await send('/fresh', genuine.token)).status).toBe(200)
  })

  it('a logout, without the clock of that Worker, after REVOCATION_SECONDS', async () => {
    const token = await logIn()
    for (let sent = 0; sent < 2; sent += 1) await send('/reports', token)
    await post('/logout', '', withToken(token))
    await vi.waitUntil(async () => (await send('/reports', token)).status === 401, {
      timeout: (REVOCATION_SECONDS + 2) * 1000,
      interval: 200,
    })
    expect((await send('/fresh', token)).status).toBe(401)
  })
})

it('no line that either Worker has logged contains a token or a password', () => {
  expect(lines.length).toBeGreaterThan(100)
  expect(lines.filter((line) => /eyJ|space-corgi/.test(line))).toEqual([])
})
