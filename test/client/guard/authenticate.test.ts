import { createExecutionContext } from 'cloudflare:test'
import { env as own } from 'cloudflare:workers'
import { beforeEach, afterEach, describe, expect, it, vi } from 'vitest'

import { MAX_REVOKED } from '../../../src/auth/sessions/revoked-sessions.ts'
import { authenticate } from '../../../src/client/guard/authenticate.ts'
import { jwtRequired } from '../../../src/client/guard/guard.ts'
import { Guard } from '../../../src/rpc/guard.ts'
import { COSMO, addUser, logged } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const SECRETS = ['Kd83hfnE0aLq92mZxPvT7yRwUc5sJgB1', 'Qm47xVtN6bHs1eYkWzJ0oGdRfA9uLp3C']
const REVOCATION_SECONDS = 5

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
})
afterEach(() => void vi.useRealTimers())

const advance = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

/** A binding to a Latchkey with these settings; `deploy` changes them. */
function bindLatchkey(bindings: object) {
  const calls = { verify: 0, revoked: 0 }
  let isolate = createIsolate(bindings)
  const open = () => new Guard(createExecutionContext(), isolate.env)
  const LATCHKEY = {
    verify(...args: Parameters<Guard['verify']>) {
      calls.verify += 1
      return open().verify(...args)
    },
    revoked(...args: Parameters<Guard['revoked']>) {
      calls.revoked += 1
      return open().revoked(...args)
    },
  }
  const logIn = async () => {
    const headers = { 'Content-Type': 'application/json' }
    const body = JSON.stringify(COSMO)
    const response = await isolate.fetch('/login', { method: 'POST', headers, body })
    return (await response.json<{ access_token: string }>()).access_token
  }
  return {
    calls,
    env: { LATCHKEY },
    logIn,
    logOut: (token: string) => isolate.post('/logout', token),
    deploy: (changed: object) => void (isolate = createIsolate(changed)),
  }
}

/** Returns the status with which a guard rejects a token; 200 if it accepts the token and says whose it is. */
async function ask(env: { LATCHKEY: object }, token: string, options = {}): Promise<number> {
  const headers = { Authorization: `Bearer ${token}` }
  const request = new Request('https://reports.test', { headers })
  const { user, response } = await authenticate(request, env, options)
  return response?.status ?? (user?.sub === COSMO.username ? 200 : 0)
}

describe('what another Worker has cached ends with the list after', () => {
  it.each<[title: string, before: object, after: object]>([
    ['the key is removed', { JWT_SECRET: SECRETS[0] }, { JWT_SECRET: SECRETS[1] }],
    ['the issuer changes', { JWT_ISSUER: 'one' }, { JWT_ISSUER: 'two' }],
    ['the audience changes', { JWT_AUDIENCE: 'one' }, { JWT_AUDIENCE: 'two' }],
    [
      'the lifetime of tokens is shortened',
      { ACCESS_TOKEN_SECONDS: '900' },
      { ACCESS_TOKEN_SECONDS: '3' },
    ],
    ['all users must have a second factor', {}, { MFA: 'all' }],
  ])('%s', async (_, before, after) => {
    const latchkey = bindLatchkey(before)
    const token = await latchkey.logIn()
    for (let sent = 0; sent < 2; sent += 1) expect(await ask(latchkey.env, token)).toBe(200)
    latchkey.deploy(after)
    advance(1)
    expect(await ask(latchkey.env, token)).toBe(200)
    advance(2 * REVOCATION_SECONDS)
    expect(await ask(latchkey.env, token)).toBe(401)
  })
})

it('with REVOCATION_SECONDS = 0 every request is asked of Latchkey, and a logout works at once', async () => {
  const latchkey = bindLatchkey({ REVOCATION_SECONDS: '0' })
  const token = await latchkey.logIn()
  for (let sent = 0; sent < 3; sent += 1) expect(await ask(latchkey.env, token)).toBe(200)
  expect(latchkey.calls).toEqual({ verify: 3, revoked: 0 })
  await latchkey.logOut(token)
  expect(await ask(latchkey.env, token)).toBe(401)
})

it('what is cached is asked again once REVOCATION_SECONDS is lowered to 0', async () => {
  const latchkey = bindLatchkey({})
  const token = await latchkey.logIn()
  for (let sent = 0; sent < 2; sent += 1) expect(await ask(latchkey.env, token)).toBe(200)
  latchkey.deploy({ REVOCATION_SECONDS: '0' })
  advance(REVOCATION_SECONDS)
  for (let sent = 0; sent < 3; sent += 1) expect(await ask(latchkey.env, token)).toBe(200)
  expect(latchkey.calls).toEqual({ verify: 4, revoked: 2 })
})

it('while too many sessions are revoked for a list, nothing is cached, and a logout works at once', async () => {
  const latchkey = bindLatchkey({})
  const token = await latchkey.logIn()
  await own.DB.prepare(
    `WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT ?1)
    INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, revoked_at, user_agent, country)
    SELECT 's' || n, 999, ?2, ?2, ?2 + 900, ?2, '', '' FROM number`,
  )
    .bind(MAX_REVOKED + 1, Math.floor(Date.now() / 1000))
    .run()
  expect(await ask(latchkey.env, token)).toBe(200) // cached, before anything is known of the list
  for (let sent = 0; sent < 3; sent += 1) expect(await ask(latchkey.env, token)).toBe(200)
  expect(latchkey.calls).toEqual({ verify: 4, revoked: 1 })
  await latchkey.logOut(token)
  expect(await ask(latchkey.env, token)).toBe(401)
  const other = await latchkey.logIn()
  advance(60)
  for (let sent = 0; sent < 2; sent += 1) expect(await ask(latchkey.env, other)).toBe(200)
  expect(latchkey.calls).toEqual({ verify: 7, revoked: 2 }) // the list is asked for again
})

it('the list goes back as far as a token can, and the difference of two clocks', async () => {
  const latchkey = bindLatchkey({ ACCESS_TOKEN_SECONDS: '600' })
  const revoked = vi.spyOn(latchkey.env.LATCHKEY, 'revoked')
  const token = await latchkey.logIn()
  for (let sent = 0; sent < 2; sent += 1) expect(await ask(latchkey.env, token)).toBe(200)
  expect(revoked.mock.calls).toEqual([[Math.floor(Date.now() / 1000) - 660]])
})

it('a token that is refused after a logout is asked of nobody, for as long as it is cached', async () => {
  const latchkey = bindLatchkey({})
  const token = await latchkey.logIn()
  expect(await ask(latchkey.env, token)).toBe(200)
  await latchkey.logOut(token)
  for (let sent = 0; sent < 3; sent += 1) expect(await ask(latchkey.env, token)).toBe(401)
  expect(latchkey.calls).toEqual({ verify: 1, revoked: 1 })
})

it('two bindings share nothing, so that the token of one Latchkey is worth nothing at another', async () => {
  const [one, other] = [
    bindLatchkey({ JWT_SECRET: SECRETS[0] }),
    bindLatchkey({ JWT_SECRET: SECRETS[1] }),
  ]
  const token = await one.logIn()
  for (let sent = 0; sent < 2; sent += 1) {
    expect(await ask(one.env, token)).toBe(200)
    expect(await ask(other.env, token)).toBe(401)
  }
})

describe('a cached token', () => {
  it('a cached token costs no call, and one that expires is asked of Latchkey again', async () => {
    const latchkey = bindLatchkey({ ACCESS_TOKEN_SECONDS: '60' })
    const token = await latchkey.logIn()
    for (let second = 0; second < 60; second += 1) {
      expect(await ask(latchkey.env, token)).toBe(200)
      advance(1)
    }
    expect(latchkey.calls.verify).toBe(1)
    expect(await ask(latchkey.env, token)).toBe(200) // within the tolerance of Latchkey's clock
    expect(latchkey.calls.verify).toBe(2)
    advance(5)
    expect(await ask(latchkey.env, token)).toBe(401)
  })

  it('a token that was refused is asked of Latchkey each time', async () => {
    const latchkey = bindLatchkey({})
    const token = `${await latchkey.logIn()}x`
    for (let sent = 0; sent < 3; sent += 1) expect(await ask(latchkey.env, token)).toBe(401)
    expect(latchkey.calls.verify).toBe(3)
  })

  it('`roles` and `fresh` are asked of Latchkey, although the token is cached', async () => {
    const latchkey = bindLatchkey({})
    const token = await latchkey.logIn()
    for (let sent = 0; sent < 2; sent += 1) expect(await ask(latchkey.env, token)).toBe(200)
    expect(await ask(latchkey.env, token, { roles: ['auditor'] })).toBe(403)
    expect(await ask(latchkey.env, token, { fresh: 60 })).toBe(200)
    expect(await ask(latchkey.env, token, { fresh: 60 })).toBe(200)
    expect(latchkey.calls.verify).toBe(4)
    advance(61)
    expect(await ask(latchkey.env, token, { fresh: 60 })).toBe(401)
  })

  it('the claims of a cached token are frozen, and so are its roles', async () => {
    const latchkey = bindLatchkey({})
    const headers = { Authorization: `Bearer ${await latchkey.logIn()}` }
    const request = new Request('https://reports.test', { headers })
    const { user } = await authenticate(request, latchkey.env)
    expect(user).toMatchObject({ sub: 'cosmo', roles: [] })
    expect(Object.isFrozen(user) && Object.isFrozen(user?.roles)).toBe(true)
  })
})

it('a Latchkey that does not respond within 5 seconds is a 503', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
  const request = new Request('https://reports.test', { headers: { Authorization: 'Bearer x' } })
  const pending = authenticate(request, { LATCHKEY: { verify: () => new Promise(() => {}) } })
  await vi.advanceTimersByTimeAsync(5000)
  const { response } = await pending
  expect(response?.status).toBe(503)
  expect(response?.headers.get('Retry-After')).toBe('5')
  expect(response?.headers.get('X-Error-Code')).toBe('latchkey_unreachable')
  expect(await response?.text()).toBe('{"error":"Service unavailable"}')
  expect(logged.at(-1)).toContain('no response in 5000 ms')
  expect(vi.getTimerCount()).toBe(0)
})

it('a request without a token passes a guard with `optional` alone, and no call is made', async () => {
  const latchkey = bindLatchkey({})
  const request = new Request('https://reports.test')
  const { user, response } = await authenticate(request, latchkey.env, { optional: true })
  expect([user, response]).toEqual([undefined, undefined])
  const refused = await authenticate(request, latchkey.env)
  expect(refused.response?.status).toBe(401)
  expect(await refused.response?.text()).toBe('{"msg":"Missing Authorization Header"}')
  expect(latchkey.calls).toEqual({ verify: 0, revoked: 0 })
})

describe('with anything but Latchkey bound, the response is 503 and never 200:', () => {
  const user = { sub: 'ada', exp: 9_999_999_999, iat: 0, roles: [] }
  it.each<[title: string, binding: unknown]>([
    ['nothing', undefined],
    ['a service without the entrypoint', { fetch: () => new Response('ok') }],
    ['a method that returns nothing', { verify: async () => undefined }],
    ['a method that returns an empty object', { verify: async () => ({}) }],
    ['a method that returns a user without a policy', { verify: async () => ({ user }) }],
    ['a method that returns true', { verify: async () => true }],
    ['a method that returns a policy without a user', { verify: async () => ({ policy: {} }) }],
    ['a method that throws', { verify: () => Promise.reject(new Error('gone')) }],
  ])('%s', async (_, binding) => {
    expect(await ask({ LATCHKEY: binding as object }, 'a.b.c')).toBe(503)
    expect(logged.at(-1)).toContain('[[services]] in wrangler.toml')
  })
})

describe('wrong options throw when the guard is created, with what to do', () => {
  it.each<[options: object, text: string]>([
    [{ role: 'auditor' }, "unknown option 'role'"],
    [{ roles: [] }, "'roles' must be a list of one or more roles"],
    [{ fresh: 0 }, "'fresh' must be a whole number of seconds"],
    [{ roles: ['auditor'], optional: true }, "'roles' cannot be optional"],
    [{ tokenType: 'any' }, "remove 'tokenType' and 'cookies'"],
    [{ tokenType: 'refresh' }, "remove 'tokenType' and 'cookies'"],
    [{ cookies: true }, "remove 'tokenType' and 'cookies'"],
  ])('%j: %s', async (options, text) => {
    expect(() => jwtRequired(options)).toThrow(text)
    const request = new Request('https://reports.test')
    await expect(authenticate(request, { LATCHKEY: {} }, options)).rejects.toThrow(text)
  })
})
