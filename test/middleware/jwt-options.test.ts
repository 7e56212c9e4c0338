import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'

import { onError } from '../../src/http/error-response.ts'
import { openContext } from '../../src/middleware/context.ts'
import type { AccessClaims, Claims, RefreshClaims } from '../../src/auth/tokens/claims.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { isStrictGuard, jwtRequired } from '../../src/middleware/jwt.ts'
import { enrol, logInWith, showOtp } from '../auth/factors/enrolled.ts'
import {
  COSMO,
  addUser,
  genuineHeader,
  readSegment,
  signSegments,
  startSession,
} from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

/** Routes as a developer would write them, with the error responses of the app. */
const api = new Hono<AppEnv>()
  .onError(onError)
  .use(openContext)
  .get('/greeting', jwtRequired({ optional: true }), (c) => {
    expectTypeOf(c.var.user).toEqualTypeOf<AccessClaims | undefined>()
    return c.json(c.var.user?.sub ?? 'stranger')
  })
  .get('/either', jwtRequired({ tokenType: 'any' }), (c) => {
    expectTypeOf(c.var.user).toEqualTypeOf<Claims>()
    return c.json(c.var.user.type)
  })
  .get('/renew', jwtRequired({ tokenType: 'refresh' }), (c) => {
    expectTypeOf(c.var.user).toEqualTypeOf<RefreshClaims>()
    return c.json(c.var.user.jti)
  })
  .use(jwtRequired())
  .get('/name', (c) => {
    expectTypeOf(c.var.user).toEqualTypeOf<AccessClaims>()
    return c.json(c.var.user.sub)
  })
  .get('/fresh', jwtRequired({ fresh: 300 }), (c) => c.json('fresh'))
  .get('/vault', jwtRequired({ acr: 'aal2' }), (c) => c.json('gold'))
  .get('/admin', jwtRequired({ roles: ['admin', 'owner'] }), (c) => c.json('admin'))
  .get('/both', jwtRequired({ fresh: 300, roles: ['editor'] }), (c) => c.json('both'))
  .get('/wrong', jwtRequired({ tokenType: 'refresh' }), (c) => c.json('wrong'))

const get = (path: string, token?: string) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {}
  return api.request(path, { headers }, env, createExecutionContext())
}
const readText = async (path: string, token: string) => (await get(path, token)).text()

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser(COSMO, ['editor'])
})
afterEach(() => vi.useRealTimers())

it('a guard accepts every type of token by name, and the smallest values', () => {
  expect(isStrictGuard(jwtRequired({ tokenType: 'access', optional: false }))).toBe(true)
  expect(isStrictGuard(jwtRequired({ tokenType: 'refresh', cookies: false }))).toBe(true)
  expect(isStrictGuard(jwtRequired({ tokenType: 'any', cookies: true }))).toBe(true)
  expect(isStrictGuard(jwtRequired({ fresh: 1, roles: ['a'], acr: 'aal1' }))).toBe(true)
  expect(isStrictGuard(jwtRequired({ tokenType: 'any', acr: 'aal1' }))).toBe(true)
  expect(isStrictGuard(jwtRequired({ tokenType: 'access', optional: true }))).toBe(false)
})

it('reading c.var.user does not compile on a route without the guard', () => {
  const unguarded = new Hono<AppEnv>().get('/unguarded', (c) => {
    expectTypeOf(c.var).not.toHaveProperty('user')
    return c.json('')
  })
  expect(unguarded.routes).toHaveLength(1)
})

describe('{ optional: true }', () => {
  it('an optional guard lets a request without a token pass anonymously', async () => {
    expect(await (await get('/greeting')).json()).toBe('stranger')
  })

  it('an optional guard identifies the user of a valid token', async () => {
    expect(await readText('/greeting', (await startSession()).access_token)).toBe('"cosmo"')
  })

  it('an optional guard still rejects an invalid token, a refresh token and another scheme', async () => {
    expect((await get('/greeting', 'x.y.z')).status).toBe(401)
    expect((await get('/greeting', (await startSession()).refresh_token)).status).toBe(401)
    const basic = await api.request('/greeting', { headers: { Authorization: 'Basic eDp5' } }, env)
    expect(basic.status).toBe(401)
  })
})

it('a guard with { fresh } requires a new login when the last one is too old, even after a refresh (RFC 9470 3, ASVS 7.5.1)', async () => {
  const { access_token: token, refresh_token: refreshToken } = await startSession()
  vi.setSystemTime(Date.now() + 300_000)
  expect((await get('/fresh', token)).status).toBe(200)
  vi.setSystemTime(Date.now() + 1000)
  const refreshed = await createIsolate().post('/refresh', refreshToken)
  const { access_token: renewed } = await refreshed.json<{ access_token: string }>()
  for (const stale of [token, renewed]) {
    const response = await get('/fresh', stale)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Fresh token required"}')
    expect(response.headers.get('WWW-Authenticate')).toBe(
      'Bearer realm="latchkey", error="insufficient_user_authentication", error_description="Fresh token required", max_age="300"',
    )
  }
  expect((await get('/fresh', (await startSession()).access_token)).status).toBe(200)
})

describe('{ roles }', () => {
  it('a guard with { roles } returns 403 insufficient_scope to a user without any of them (RFC 6750 3.1, ASVS 8.1.2, 8.2.1)', async () => {
    const response = await get('/admin', (await startSession()).access_token)
    expect(response.status).toBe(403)
    expect(await response.text()).toBe('{"msg":"Role required"}')
    expect(response.headers.get('WWW-Authenticate')).toBe(
      'Bearer realm="latchkey", error="insufficient_scope", error_description="Role required"',
    )
  })

  it('a guard with { roles } accepts a user who has any of them', async () => {
    await env.DB.prepare(`UPDATE users SET roles = '["owner"]'`).run()
    expect((await get('/admin', (await startSession()).access_token)).status).toBe(200)
  })

  it.each(['[]', '["Admin"]', '["admin "]', '["adm","in"]'])(
    'a guard compares roles exactly and rejects a user with %s',
    async (roles) => {
      await env.DB.prepare('UPDATE users SET roles = ?1').bind(roles).run()
      expect((await get('/admin', (await startSession()).access_token)).status).toBe(403)
    },
  )
})

describe('{ acr }', () => {
  it('a guard with { acr: "aal2" } rejects a session without a second factor, and accepts one with it (RFC 9470 3)', async () => {
    const response = await get('/vault', (await startSession()).access_token)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Second factor required"}')
    expect(response.headers.get('WWW-Authenticate')).toBe(
      'Bearer realm="latchkey", error="insufficient_user_authentication", error_description="Second factor required", acr_values="aal2"',
    )
    const { secret } = await enrol()
    vi.setSystemTime(Date.now() + 30_000)
    const { access_token: token } = await logInWith(await showOtp(secret))
    expect((await get('/vault', token)).status).toBe(200)
  })

  it('a token of a version that wrote no acr counts as one without a second factor', async () => {
    const { acr: _acr, amr: _amr, ...claims } = readSegment((await startSession()).access_token, 1)
    const header = JSON.stringify(await genuineHeader())
    const token = await signSegments(header, JSON.stringify(claims))
    expect((await get('/name', token)).status).toBe(200)
    expect((await get('/vault', token)).status).toBe(401)
  })
})

describe('combined guard options', () => {
  it('a guard with several options accepts a token only while all of them are met', async () => {
    const { access_token: token } = await startSession()
    expect((await get('/both', token)).status).toBe(200)
    vi.setSystemTime(Date.now() + 301_000)
    expect((await get('/both', token)).status).toBe(401)
  })

  it('a second guard on the same route does not verify the token again', async () => {
    const { access_token: token } = await startSession()
    const verify = vi.spyOn(crypto.subtle, 'verify')
    await get('/both', token)
    expect(verify).toHaveBeenCalledTimes(1)
  })

  it('a guard with { tokenType: "refresh" } behind the default guard accepts neither type of token', async () => {
    const { access_token: access, refresh_token: refresh } = await startSession()
    expect(await readText('/wrong', access)).toBe('{"msg":"Only refresh tokens are allowed"}')
    expect(await readText('/wrong', refresh)).toBe('{"msg":"Only non-refresh tokens are allowed"}')
  })
})

it('a guard ignores a user that other middleware has set, and requires a token', async () => {
  const spoofed = new Hono<AppEnv>()
    .onError(onError)
    .use(openContext)
    .use(async (c, next) => {
      c.set('user' as never, { type: 'access', sub: 'admin', roles: ['admin'] } as never)
      await next()
    })
    .use(jwtRequired({ roles: ['admin'] }))
    .get('/admin', (c) => c.json(c.var.user.sub))
  expect((await spoofed.request('/admin', {}, env)).status).toBe(401)
})

it('a guard with { tokenType: "any" } accepts both types of token, with { tokenType: "refresh" } only refresh tokens', async () => {
  const { access_token: access, refresh_token: refresh } = await startSession()
  expect(await readText('/either', access)).toBe('"access"')
  expect(await readText('/either', refresh)).toBe('"refresh"')
  expect((await get('/renew', refresh)).status).toBe(200)
  expect((await get('/renew', access)).status).toBe(401)
})

it('with REVOCATION_SECONDS = 0, stacked guards read the session once for a request', async () => {
  const isolate = createIsolate({ REVOCATION_SECONDS: '0' }, api)
  const { access_token: token } = await startSession()
  for (const path of ['/name', '/fresh', '/both']) {
    const before = isolate.statements
    expect((await isolate.get(path, token)).status).toBe(200)
    expect(isolate.statements - before).toBe(1)
  }
})
