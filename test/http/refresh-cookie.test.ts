import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'

import { onError } from '../../src/app.ts'
import type { AccessClaims, Claims, RefreshClaims } from '../../src/auth/tokens/verify.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { jwtRequired } from '../../src/middleware/jwt.ts'
import {
  COSMO,
  addUser,
  fetchApp,
  logged,
  now,
  postJson,
  readSegment,
  startSession,
} from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const NAME = '__Host-latchkey_refresh'
const CLEARED = `${NAME}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict`
const OWN = 'https://latchkey.test'
/** As a browser sends it from a page of the Worker's own. */
const SAME = { 'Sec-Fetch-Site': 'same-origin', Origin: OWN }
const REFUSED = '{"msg":"Cookies are taken from pages of this origin only"}'

beforeEach(() => addUser())
afterEach(() => vi.useRealTimers())

const logInWithCookie = () => postJson('/login', { ...COSMO, cookie: true })

/** What a browser would send back. */
const cookieOf = (response: Response) => response.headers.get('Set-Cookie')?.split(';')[0] ?? ''
const tokenOf = (response: Response) => cookieOf(response).slice(NAME.length + 1)
const startBrowser = async () => cookieOf(await logInWithCookie())

const post = (path: string, cookie: string, headers: Record<string, string> = SAME) =>
  fetchApp(path, { method: 'POST', headers: { Cookie: cookie, ...headers } })

const countLive = () =>
  env.DB.prepare('SELECT count(*) FROM sessions WHERE revoked_at IS NULL').first('count(*)')
const generation = () => env.DB.prepare('SELECT generation FROM sessions').first('generation')

describe('a login with "cookie": true', () => {
  it('sets one cookie that is Secure, HttpOnly, SameSite=Strict and of this host alone, for as long as the token lives (ASVS 3.3.1, 3.3.2, 3.3.3, 3.3.4)', async () => {
    const response = await logInWithCookie()
    expect(response.status).toBe(200)
    const [cookie = '', ...others] = response.headers.getSetCookie()
    expect(others).toEqual([])
    expect(cookie.slice(cookie.indexOf(';'))).toBe(
      '; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict',
    )
    expect(readSegment(tokenOf(response), 1)).toMatchObject({ type: 'refresh', sub: 'cosmo' })
  })

  it('has the refresh token in no body (ASVS 3.3.4)', async () => {
    const response = await logInWithCookie()
    const body = await response.text()
    expect(body).not.toContain(tokenOf(response))
    expect(body).not.toContain('refresh_token')
    expect(Object.keys(JSON.parse(body))).toEqual([
      'access_token',
      'token_type',
      'expires_in',
      'refresh_expires_in',
    ])
  })

  it('that fails sets none', async () => {
    const response = await postJson('/login', { ...COSMO, password: 'wrong', cookie: true })
    expect(response.status).toBe(401)
    expect(response.headers.has('Set-Cookie')).toBe(false)
  })

  it('cannot be sent by a form, which is all that a page elsewhere can make a browser send (ASVS 3.5.1, 3.5.2)', async () => {
    const body = JSON.stringify({ ...COSMO, cookie: true })
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const headers = { 'Content-Type': type }
      const response = await fetchApp('/login', { method: 'POST', headers, body })
      expect(response.status).toBe(415)
      expect(response.headers.has('Set-Cookie')).toBe(false)
    }
    expect(await countLive()).toBe(0)
  })

  it('keeps it for 400 days where a session may last longer, as browsers do', async () => {
    const years = { SESSION_IDLE_SECONDS: '99999999', SESSION_MAX_SECONDS: '99999999' }
    const response = await createIsolate(years).fetch('/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...COSMO, cookie: true }),
    })
    expect(response.headers.get('Set-Cookie')).toContain('; Max-Age=34560000;')
  })
})

describe('a login in a browser that has a session', () => {
  const again = (headers: Record<string, string>, more: object = {}) =>
    postJson('/login', { ...COSMO, cookie: true, ...more }, headers)

  it('ends that one, so that its refresh token is of no more use (ASVS 7.2.4)', async () => {
    const other = await startBrowser()
    const old = await startBrowser()
    const response = await again({ ...SAME, Cookie: old })
    expect(response.status).toBe(200)
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect((await post('/refresh', old)).status).toBe(401)
    expect((await post('/refresh', cookieOf(response))).status).toBe(200)
    expect((await post('/refresh', other)).status).toBe(200)
  })

  it.each([
    ['another password', { password: 'wrong' }, SAME, 401],
    ['no cookie wanted', { cookie: false }, SAME, 200],
    ['a page of another origin', {}, { 'Sec-Fetch-Site': 'same-site' }, 200],
    ['no page', {}, {}, 200],
  ])('leaves it alone with %s', async (_, more, headers, status) => {
    const old = await startBrowser()
    const response = await again({ ...headers, Cookie: old }, more)
    expect(response.status).toBe(status)
    expect((await post('/refresh', old)).status).toBe(200)
  })

  it('takes no harm from a bad cookie', async () => {
    for (const value of ['', 'x', 'x.y.z', 'e'.repeat(5000), `x; ${NAME}=y`])
      expect((await again({ ...SAME, Cookie: `${NAME}=${value}` })).status).toBe(200)
    expect(await countLive()).toBe(5)
  })
})

it.each([[{}], [{ cookie: false }]])('a login with %j sets no cookie', async (more) => {
  const response = await postJson('/login', { ...COSMO, ...more })
  expect(response.headers.has('Set-Cookie')).toBe(false)
  expect(await response.json()).toHaveProperty('refresh_token')
})

it.each([
  ['yes', 'Not a valid boolean.'],
  [1, 'Not a valid boolean.'],
  [null, 'Field may not be null.'],
])('"cookie": %j is refused', async (cookie, text) => {
  const response = await postJson('/login', { ...COSMO, cookie })
  expect(response.status).toBe(400)
  expect(await response.json()).toEqual({ error: { cookie: [text] } })
})

describe('a refresh by cookie', () => {
  it('answers with a new cookie, and with no refresh token in the body', async () => {
    const first = await logInWithCookie()
    const response = await post('/refresh', cookieOf(first))
    expect(response.status).toBe(200)
    const body = await response.json<{ access_token: string }>()
    expect(Object.keys(body)).toEqual(Object.keys(await first.json<object>()))
    expect(readSegment(tokenOf(response), 1).jti).toMatch(/\.1$/)
    const headers = { Authorization: `Bearer ${body.access_token}` }
    expect((await fetchApp('/protected', { headers })).status).toBe(200)
    expect((await post('/refresh', cookieOf(response))).status).toBe(200)
  })

  it('by GET is 405, with the cookie left alone (ASVS 3.5.3)', async () => {
    const headers = { ...SAME, Cookie: await startBrowser() }
    for (const path of ['/refresh', '/logout', '/login']) {
      const response = await fetchApp(path, { headers })
      expect(response.status).toBe(405)
      expect(response.headers.has('Set-Cookie')).toBe(false)
    }
    expect(await generation()).toBe(0)
  })

  it('of a session that has ended is 401, and clears the cookie', async () => {
    const cookie = await startBrowser()
    await env.DB.prepare('UPDATE sessions SET revoked_at = 1').run()
    const response = await post('/refresh', cookie)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Token has been revoked"}')
    expect(response.headers.get('Set-Cookie')).toBe(CLEARED)
  })
})

describe('a logout by cookie', () => {
  it('ends the session and clears the cookie (ASVS 7.4.1, 14.3.1)', async () => {
    const cookie = await startBrowser()
    const response = await post('/logout', cookie)
    expect(response.status).toBe(200)
    expect(response.headers.get('Set-Cookie')).toBe(CLEARED)
    expect(await countLive()).toBe(0)
    expect((await post('/refresh', cookie)).status).toBe(401)
  })

  it('of the other sessions keeps this one, and its cookie', async () => {
    await startSession()
    const cookie = await startBrowser()
    const response = await post('/logout?scope=others', cookie)
    expect(response.status).toBe(200)
    expect(response.headers.has('Set-Cookie')).toBe(false)
    expect(await countLive()).toBe(1)
    expect((await post('/refresh', cookie)).status).toBe(200)
  })
})

it('a logout by header clears the cookie as well, since browsers show the access token', async () => {
  const response = await logInWithCookie()
  const { access_token: token } = await response.json<{ access_token: string }>()
  const headers = { Authorization: `Bearer ${token}` }
  const out = await post('/logout', cookieOf(response), headers)
  expect(out.status).toBe(200)
  expect(out.headers.get('Set-Cookie')).toBe(CLEARED)
})

describe('a cookie is taken from pages of this origin only (ASVS 3.5.1, 3.5.3)', () => {
  const foreign: [title: string, headers: Record<string, string>][] = [
    ['neither header', {}],
    ['Origin: null', { Origin: 'null' }],
    ['an empty Origin', { Origin: '' }],
    ['the Origin of another host', { Origin: 'https://evil.example' }],
    ['the Origin of a sibling', { Origin: 'https://app.latchkey.test' }],
    ['the Origin of another scheme', { Origin: 'http://latchkey.test' }],
    ['the Origin of another port', { Origin: `${OWN}:8443` }],
    ['an Origin that begins like it', { Origin: `${OWN}.evil.example` }],
    ['an Origin with a path', { Origin: `${OWN}/` }],
    ['a Referer alone', { Referer: `${OWN}/` }],
    ['Sec-Fetch-Site: cross-site', { ...SAME, 'Sec-Fetch-Site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { ...SAME, 'Sec-Fetch-Site': 'same-site' }],
    ['Sec-Fetch-Site: none', { ...SAME, 'Sec-Fetch-Site': 'none' }],
    ['an empty Sec-Fetch-Site', { ...SAME, 'Sec-Fetch-Site': '' }],
    ['two Sec-Fetch-Site', { ...SAME, 'Sec-Fetch-Site': 'same-origin, cross-site' }],
    ['Sec-Fetch-Site: Same-Origin', { ...SAME, 'Sec-Fetch-Site': 'Same-Origin' }],
  ]

  it.each(foreign)('%s is 403 on /refresh and /logout, and changes nothing', async (_, headers) => {
    const cookie = await startBrowser()
    for (const path of ['/refresh', '/logout', '/logout?scope=all']) {
      logged.length = 0
      const response = await post(path, cookie, headers)
      expect(response.status).toBe(403)
      expect(await response.text()).toBe(REFUSED)
      // A page elsewhere must not log anybody out either.
      expect(response.headers.has('Set-Cookie')).toBe(false)
      expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="latchkey"')
      expect(logged.map((line) => JSON.parse(line).event)).toEqual(['origin.refused'])
    }
    expect(await countLive()).toBe(1)
    expect(await generation()).toBe(0)
  })

  it.each([
    ['both headers', SAME],
    ['Sec-Fetch-Site: same-origin alone', { 'Sec-Fetch-Site': 'same-origin' }],
    ['its own Origin, from a browser without fetch metadata', { Origin: OWN }],
    [
      'Sec-Fetch-Site: same-origin, which decides alone',
      { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://before-a-proxy.example' },
    ],
  ])('%s is let in', async (_, headers) => {
    expect((await post('/refresh', await startBrowser(), headers)).status).toBe(200)
    expect(await generation()).toBe(1)
  })

  it('also when CORS_ORIGINS lets the other origin call the API', async () => {
    const app = 'https://app.latchkey.test'
    const isolate = createIsolate({ CORS_ORIGINS: app })
    const response = await isolate.fetch('/refresh', {
      method: 'POST',
      headers: { Cookie: await startBrowser(), Origin: app, 'Sec-Fetch-Site': 'same-site' },
    })
    expect(response.status).toBe(403)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe(app)
    expect(response.headers.has('Access-Control-Allow-Credentials')).toBe(false)
    expect(await generation()).toBe(0)
  })
})

describe('a token in the header wins over the cookie', () => {
  it('on /refresh, which then answers as to the header, wherever the request comes from', async () => {
    const cookie = await startBrowser()
    const { refresh_token: token, access_token: access } = await startSession()
    const headers = { Authorization: `Bearer ${token}`, 'Sec-Fetch-Site': 'cross-site' }
    const response = await post('/refresh', cookie, headers)
    expect(response.status).toBe(200)
    expect(response.headers.has('Set-Cookie')).toBe(false)
    const body = await response.json<{ refresh_token: string }>()
    expect(readSegment(body.refresh_token, 1).sid).toBe(readSegment(access, 1).sid)
  })

  it('on /logout, where the session of the cookie lives on', async () => {
    const cookie = await startBrowser()
    const { access_token: access } = await startSession()
    await post('/logout', cookie, { Authorization: `Bearer ${access}` })
    expect((await post('/refresh', cookie)).status).toBe(200)
  })

  it('even when it is a bad one: the cookie is no second chance, and is kept', async () => {
    const cookie = await startBrowser()
    for (const Authorization of ['Bearer x.y.z', 'Basic eDp5', 'Bearer']) {
      const response = await post('/refresh', cookie, { ...SAME, Authorization })
      expect(response.status).toBe(401)
      expect(response.headers.has('Set-Cookie')).toBe(false)
    }
    expect(await generation()).toBe(0)
  })
})

describe('a cookie that no login has set is 401 invalid_token, and is cleared:', () => {
  it.each<[title: string, make: (pair: string) => string]>([
    ['an empty one', () => `${NAME}=`],
    ['one in quotes', (pair) => pair.replace('=', '="').concat('"')],
    ['one that is no token', () => `${NAME}=%`],
    ['one that is written with escapes', (pair) => pair.replace('=e', '=%65')],
    ['one of 5,000 characters', () => `${NAME}=${'e'.repeat(5000)}`],
    ['two that are equal', (pair) => `${pair}; ${pair}`],
    ['a good one before another', (pair) => `${pair}; ${NAME}=x`],
    ['a good one after another', (pair) => `${NAME}=x;${pair}`],
    ['two in headers of their own', (pair) => `${pair}, ${NAME}=x`],
    ['one with another signature', (pair) => `${pair.slice(0, pair.lastIndexOf('.'))}.AAAA`],
  ])('%s', async (_, make) => {
    const response = await post('/refresh', make(await startBrowser()))
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    expect(response.headers.getSetCookie()).toEqual([CLEARED])
    expect(await generation()).toBe(0)
  })

  it('an access token', async () => {
    const { access_token: token } = await startSession()
    const response = await post('/refresh', `${NAME}=${token}`)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Only refresh tokens are allowed"}')
  })

  it.each([
    ['of another name', (pair: string) => pair.replace('__Host-', '')],
    ['of the name in another case', (pair: string) => pair.replace('__Host', '__host')],
    ['of a name that ends like it', (pair: string) => `x${pair}`],
  ])('one %s is none at all', async (_, make) => {
    const response = await post('/refresh', make(await startBrowser()))
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Missing Authorization Header"}')
    expect(response.headers.has('Set-Cookie')).toBe(false)
  })
})

it('the cookie stands among others in any place', async () => {
  for (const around of [(pair: string) => `a=1; ${pair}; b=2`, (pair: string) => `a=1;${pair};b`])
    expect((await post('/refresh', around(await startBrowser()))).status).toBe(200)
})

it('a guarded route takes no cookie, with an access token in it or a refresh token (ASVS 3.5.3)', async () => {
  const { access_token: access, refresh_token: refresh } = await startSession()
  for (const token of [access, refresh])
    for (const [method, path] of [
      ['GET', '/protected'],
      ['GET', '/me'],
      ['GET', '/sessions'],
      ['PUT', '/me/password'],
      ['DELETE', `/sessions/${readSegment(access, 1).sid}`],
    ] as const) {
      const headers = { ...SAME, Cookie: `${NAME}=${token}; access_token=${access}` }
      const response = await fetchApp(path, { method, headers })
      expect(response.status).toBe(401)
      expect(await response.text()).toBe('{"msg":"Missing Authorization Header"}')
    }
  expect(await countLive()).toBe(1)
})

describe('a route with { cookies: true }', () => {
  const own = new Hono<AppEnv>()
    .onError(onError)
    .get('/name', jwtRequired({ cookies: true }), (c) => {
      expectTypeOf(c.var.user).toEqualTypeOf<Claims>()
      return c.json(c.var.user.sub)
    })
    .post('/name', jwtRequired({ cookies: true }), (c) => c.json(c.var.user.sub))
    .get('/greeting', jwtRequired({ cookies: true, optional: true }), (c) => {
      expectTypeOf(c.var.user).toEqualTypeOf<Claims | undefined>()
      return c.json(c.var.user?.sub ?? 'stranger')
    })
    .post('/renew', jwtRequired({ cookies: true, refresh: true }), (c) => {
      expectTypeOf(c.var.user).toEqualTypeOf<RefreshClaims>()
      return c.json(c.var.user.sub)
    })
    .post('/admin', jwtRequired({ cookies: true, roles: ['admin'] }), (c) => c.json(''))
    .get('/plain', jwtRequired({}), (c) => {
      expectTypeOf(c.var.user).toEqualTypeOf<AccessClaims>()
      return c.json(c.var.user.sub)
    })
  const ask = (method: string, path: string, headers: Record<string, string>) =>
    own.request(path, { method, headers }, env, createExecutionContext())

  it('reads it on safe methods from anywhere, since no other origin can read the answer', async () => {
    const headers = { Cookie: await startBrowser() }
    for (const method of ['GET', 'HEAD'])
      for (const more of [{}, SAME, { 'Sec-Fetch-Site': 'none' }])
        expect((await ask(method, '/name', { ...headers, ...more })).status).toBe(200)
    expect(await (await ask('GET', '/greeting', headers)).json()).toBe('cosmo')
  })

  it('holds unsafe methods to the rule of the origin', async () => {
    const Cookie = await startBrowser()
    for (const path of ['/name', '/renew']) {
      expect((await ask('POST', path, { ...SAME, Cookie })).status).toBe(200)
      for (const more of [{}, { Origin: 'null' }, { 'Sec-Fetch-Site': 'none' }])
        expect((await ask('POST', path, { Cookie, ...more })).status).toBe(403)
    }
  })

  it('asks for a token where there is none, or lets a stranger pass', async () => {
    expect((await ask('GET', '/name', {})).status).toBe(401)
    expect((await ask('POST', '/name', { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(401)
    expect(await (await ask('GET', '/greeting', {})).json()).toBe('stranger')
    expect((await ask('GET', '/greeting', { Cookie: `${NAME}=x` })).status).toBe(401)
  })

  it('asks the database, so that an ended session is refused however long ago it ended', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const headers = { Cookie: await startBrowser() }
    await env.DB.prepare('UPDATE sessions SET revoked_at = ?1').bind(now()).run()
    vi.setSystemTime(Date.now() + 86_400_000)
    const response = await ask('GET', '/name', headers)
    expect(response.status).toBe(401)
    expect(response.headers.get('Set-Cookie')).toBe(CLEARED)
  })

  it('sees no roles in a cookie', async () => {
    await env.DB.prepare(`UPDATE users SET roles = '["admin"]'`).run()
    const response = await ask('POST', '/admin', { ...SAME, Cookie: await startBrowser() })
    expect(response.status).toBe(403)
    expect(await response.text()).toBe('{"msg":"Role required"}')
  })
})
