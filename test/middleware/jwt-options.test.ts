import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'

import { onError } from '../../src/app.ts'
import type { AccessClaims, Claims, RefreshClaims } from '../../src/auth/tokens/verify.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { jwtRequired } from '../../src/middleware/jwt.ts'
import { COSMO, addUser, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

/** Endpoints as a user of Latchkey would write them, with the app's own answers for failures. */
const own = new Hono<AppEnv>()
  .onError(onError)
  .get('/greeting', jwtRequired({ optional: true }), (c) => {
    expectTypeOf(c.var.user).toEqualTypeOf<AccessClaims | undefined>()
    return c.json(c.var.user?.sub ?? 'stranger')
  })
  .get('/either', jwtRequired({ verifyType: false }), (c) => {
    expectTypeOf(c.var.user).toEqualTypeOf<Claims>()
    return c.json(c.var.user.type)
  })
  .get('/renew', jwtRequired({ refresh: true }), (c) => {
    expectTypeOf(c.var.user).toEqualTypeOf<RefreshClaims>()
    return c.json(c.var.user.jti)
  })
  .use(jwtRequired())
  .get('/name', (c) => {
    expectTypeOf(c.var.user).toEqualTypeOf<AccessClaims>()
    return c.json(c.var.user.sub)
  })
  .get('/fresh', jwtRequired({ fresh: 300 }), (c) => c.json('fresh'))
  .get('/admin', jwtRequired({ roles: ['admin', 'owner'] }), (c) => c.json('admin'))
  .get('/both', jwtRequired({ fresh: 300, roles: ['editor'] }), (c) => c.json('both'))
  .get('/wrong', jwtRequired({ refresh: true }), (c) => c.json('wrong'))

const get = (path: string, token?: string) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {}
  return own.request(path, { headers }, env, createExecutionContext())
}
const textOf = async (path: string, token: string) => (await get(path, token)).text()

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser(COSMO, ['editor'])
})
afterEach(() => vi.useRealTimers())

it('where the guard has not run, reading c.var.user does not compile', () => {
  const unguarded = new Hono<AppEnv>().get('/unguarded', (c) => {
    expectTypeOf(c.var).not.toHaveProperty('user')
    return c.json('')
  })
  expect(unguarded.routes).toHaveLength(1)
})

describe('{ optional: true }', () => {
  it('lets a request without a header pass, as a stranger', async () => {
    expect(await (await get('/greeting')).json()).toBe('stranger')
  })

  it('knows who sends a good token', async () => {
    expect(await textOf('/greeting', (await startSession()).access_token)).toBe('"cosmo"')
  })

  it('still refuses a bad token, a refresh token and another scheme', async () => {
    expect((await get('/greeting', 'x.y.z')).status).toBe(401)
    expect((await get('/greeting', (await startSession()).refresh_token)).status).toBe(401)
    const basic = await own.request('/greeting', { headers: { Authorization: 'Basic eDp5' } }, env)
    expect(basic.status).toBe(401)
  })
})

it('{ fresh } asks for a new login when the last is too old, also after a refresh (RFC 9470 3, ASVS 7.5.1)', async () => {
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
  it('answers 403 insufficient_scope without one of them (RFC 6750 3.1, ASVS 8.1.2, 8.2.1)', async () => {
    const response = await get('/admin', (await startSession()).access_token)
    expect(response.status).toBe(403)
    expect(await response.text()).toBe('{"msg":"Role required"}')
    expect(response.headers.get('WWW-Authenticate')).toBe(
      'Bearer realm="latchkey", error="insufficient_scope", error_description="Role required"',
    )
  })

  it('lets pass with any of them', async () => {
    await env.DB.prepare(`UPDATE users SET roles = '["owner"]'`).run()
    expect((await get('/admin', (await startSession()).access_token)).status).toBe(200)
  })

  it.each(['[]', '["Admin"]', '["admin "]', '["adm","in"]'])(
    'compares them exactly: %s',
    async (roles) => {
      await env.DB.prepare('UPDATE users SET roles = ?1').bind(roles).run()
      expect((await get('/admin', (await startSession()).access_token)).status).toBe(403)
    },
  )
})

describe('options together', () => {
  it('must each hold', async () => {
    const { access_token: token } = await startSession()
    expect((await get('/both', token)).status).toBe(200)
    vi.setSystemTime(Date.now() + 301_000)
    expect((await get('/both', token)).status).toBe(401)
  })

  it('on top of the guard verify the token once', async () => {
    const { access_token: token } = await startSession()
    const verify = vi.spyOn(crypto.subtle, 'verify')
    await get('/both', token)
    expect(verify).toHaveBeenCalledTimes(1)
  })

  it('{ refresh: true } on top of the guard takes neither kind', async () => {
    const { access_token: access, refresh_token: refresh } = await startSession()
    expect(await textOf('/wrong', access)).toBe('{"msg":"Only refresh tokens are allowed"}')
    expect(await textOf('/wrong', refresh)).toBe('{"msg":"Only non-refresh tokens are allowed"}')
  })
})

it('a user that some other middleware has set is not taken for one that the guard has verified', async () => {
  const spoofed = new Hono<AppEnv>()
    .onError(onError)
    .use(async (c, next) => {
      c.set('user' as never, { type: 'access', sub: 'admin', roles: ['admin'] } as never)
      await next()
    })
    .use(jwtRequired({ roles: ['admin'] }))
    .get('/admin', (c) => c.json(c.var.user.sub))
  expect((await spoofed.request('/admin', {}, env)).status).toBe(401)
})

it('{ verifyType: false } takes either kind, { refresh: true } only the one', async () => {
  const { access_token: access, refresh_token: refresh } = await startSession()
  expect(await textOf('/either', access)).toBe('"access"')
  expect(await textOf('/either', refresh)).toBe('"refresh"')
  expect((await get('/renew', refresh)).status).toBe(200)
  expect((await get('/renew', access)).status).toBe(401)
})
