import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'

import { onError } from '../../src/http/error-response.ts'
import { openContext } from '../../src/middleware/context.ts'
import type { AccessClaims, Claims, RefreshClaims } from '../../src/auth/tokens/claims.ts'
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
const ORIGIN = 'https://latchkey.test'
/** The headers that a browser sends from a page of the Worker itself. */
const SAME_ORIGIN = { 'Sec-Fetch-Site': 'same-origin', Origin: ORIGIN }
const REJECTED = '{"msg":"Cookies are accepted from pages of this origin only"}'

beforeEach(() => addUser())
afterEach(() => vi.useRealTimers())

const logInWithCookie = () => postJson('/login', { ...COSMO, cookie: true })

/** Returns the Cookie header that a browser would send back. */
const cookieOf = (response: Response) => response.headers.get('Set-Cookie')?.split(';')[0] ?? ''
const tokenOf = (response: Response) => cookieOf(response).slice(NAME.length + 1)
const startBrowser = async () => cookieOf(await logInWithCookie())

const post = (path: string, cookie: string, headers: Record<string, string> = SAME_ORIGIN) =>
  fetchApp(path, { method: 'POST', headers: { Cookie: cookie, ...headers } })

const countActiveSessions = () =>
  env.DB.prepare('SELECT count(*) FROM sessions WHERE revoked_at IS NULL').first('count(*)')
const readGeneration = () => env.DB.prepare('SELECT generation FROM sessions').first('generation')

describe('a login with "cookie": true', () => {
  it('a login with "cookie": true sets one cookie that is Secure, HttpOnly, SameSite=Strict, bound to this host and valid as long as its token (ASVS 3.3.1, 3.3.2, 3.3.3, 3.3.4)', async () => {
    const response = await logInWithCookie()
    expect(response.status).toBe(200)
    const [cookie = '', ...others] = response.headers.getSetCookie()
    expect(others).toEqual([])
    expect(cookie.slice(cookie.indexOf(';'))).toBe(
      '; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict',
    )
    expect(readSegment(tokenOf(response), 1)).toMatchObject({ type: 'refresh', sub: 'cosmo' })
  })

  it('a login with "cookie": true does not return the refresh token in the body (ASVS 3.3.4)', async () => {
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

  it('a failed login sets no cookie', async () => {
    const response = await postJson('/login', { ...COSMO, password: 'wrong', cookie: true })
    expect(response.status).toBe(401)
    expect(response.headers.has('Set-Cookie')).toBe(false)
  })

  it('a login with a content type that HTML forms can send returns 415, so that another site cannot log a browser in (ASVS 3.5.1, 3.5.2)', async () => {
    const body = JSON.stringify({ ...COSMO, cookie: true })
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const headers = { 'Content-Type': type }
      const response = await fetchApp('/login', { method: 'POST', headers, body })
      expect(response.status).toBe(415)
      expect(response.headers.has('Set-Cookie')).toBe(false)
    }
    expect(await countActiveSessions()).toBe(0)
  })

  it('a cookie lasts at most 400 days, as in browsers, even if the session may last longer', async () => {
    const years = { SESSION_IDLE_SECONDS: '99999999', SESSION_MAX_SECONDS: '99999999' }
    const response = await createIsolate(years).fetch('/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...COSMO, cookie: true }),
    })
    expect(response.headers.get('Set-Cookie')).toContain('; Max-Age=34560000;')
  })
})

describe('a login in a browser that already has a session', () => {
  const logInAgain = (headers: Record<string, string>, extra: object = {}) =>
    postJson('/login', { ...COSMO, cookie: true, ...extra }, headers)

  it('a login in a browser that already has a session ends that session, so that its refresh token is rejected (ASVS 7.2.4)', async () => {
    const other = await startBrowser()
    const old = await startBrowser()
    const response = await logInAgain({ ...SAME_ORIGIN, Cookie: old })
    expect(response.status).toBe(200)
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect((await post('/refresh', old)).status).toBe(401)
    expect((await post('/refresh', cookieOf(response))).status).toBe(200)
    expect((await post('/refresh', other)).status).toBe(200)
  })

  it.each([
    ['a wrong password', { password: 'wrong' }, SAME_ORIGIN, 401],
    ['"cookie": false', { cookie: false }, SAME_ORIGIN, 200],
    ['the headers of a page of another origin', {}, { 'Sec-Fetch-Site': 'same-site' }, 200],
    ['no browser headers', {}, {}, 200],
  ])(
    'a login with %s does not end the session in the cookie',
    async (_, extra, headers, status) => {
      const old = await startBrowser()
      const response = await logInAgain({ ...headers, Cookie: old }, extra)
      expect(response.status).toBe(status)
      expect((await post('/refresh', old)).status).toBe(200)
    },
  )

  it('a login succeeds despite an invalid cookie', async () => {
    for (const value of ['', 'x', 'x.y.z', 'e'.repeat(5000), `x; ${NAME}=y`])
      expect((await logInAgain({ ...SAME_ORIGIN, Cookie: `${NAME}=${value}` })).status).toBe(200)
    expect(await countActiveSessions()).toBe(5)
  })
})

it.each([[{}], [{ cookie: false }]])('a login with %j sets no cookie', async (extra) => {
  const response = await postJson('/login', { ...COSMO, ...extra })
  expect(response.headers.has('Set-Cookie')).toBe(false)
  expect(await response.json()).toHaveProperty('refresh_token')
})

it.each([
  ['yes', 'Not a valid boolean.'],
  [1, 'Not a valid boolean.'],
  [null, 'Field may not be null.'],
])('a login with "cookie": %j returns 400', async (cookie, message) => {
  const response = await postJson('/login', { ...COSMO, cookie })
  expect(response.status).toBe(400)
  expect(await response.json()).toEqual({ error: { cookie: [message] } })
})

describe('a refresh with a cookie', () => {
  it('a refresh with a cookie returns a new cookie, and no refresh token in the body', async () => {
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

  it('a GET request to a POST route returns 405 and leaves the cookie unchanged (ASVS 3.5.3)', async () => {
    const headers = { ...SAME_ORIGIN, Cookie: await startBrowser() }
    for (const path of ['/refresh', '/logout', '/login']) {
      const response = await fetchApp(path, { headers })
      expect(response.status).toBe(405)
      expect(response.headers.has('Set-Cookie')).toBe(false)
    }
    expect(await readGeneration()).toBe(0)
  })

  it('a refresh with the cookie of a revoked session returns 401 and clears the cookie', async () => {
    const cookie = await startBrowser()
    await env.DB.prepare('UPDATE sessions SET revoked_at = 1').run()
    const response = await post('/refresh', cookie)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Token has been revoked"}')
    expect(response.headers.get('Set-Cookie')).toBe(CLEARED)
  })
})

describe('a logout with a cookie', () => {
  it('a logout with a cookie ends the session and clears the cookie (ASVS 7.4.1, 14.3.1)', async () => {
    const cookie = await startBrowser()
    const response = await post('/logout', cookie)
    expect(response.status).toBe(200)
    expect(response.headers.get('Set-Cookie')).toBe(CLEARED)
    expect(await countActiveSessions()).toBe(0)
    expect((await post('/refresh', cookie)).status).toBe(401)
  })

  it('a logout of the other sessions keeps the current session and its cookie', async () => {
    await startSession()
    const cookie = await startBrowser()
    const response = await post('/logout?scope=others', cookie)
    expect(response.status).toBe(200)
    expect(response.headers.has('Set-Cookie')).toBe(false)
    expect(await countActiveSessions()).toBe(1)
    expect((await post('/refresh', cookie)).status).toBe(200)
  })
})

it('a logout with an access token also clears the cookie, because that is how pages log out', async () => {
  const response = await logInWithCookie()
  const { access_token: token } = await response.json<{ access_token: string }>()
  const headers = { Authorization: `Bearer ${token}` }
  const out = await post('/logout', cookieOf(response), headers)
  expect(out.status).toBe(200)
  expect(out.headers.get('Set-Cookie')).toBe(CLEARED)
})

describe('a cookie is accepted from pages of this origin only (ASVS 3.5.1, 3.5.3)', () => {
  const foreign: [title: string, headers: Record<string, string>][] = [
    ['neither Origin nor Sec-Fetch-Site', {}],
    ['Origin: null', { Origin: 'null' }],
    ['an empty Origin', { Origin: '' }],
    ['the Origin of another host', { Origin: 'https://evil.example' }],
    ['the Origin of a sibling subdomain', { Origin: 'https://app.latchkey.test' }],
    ['the Origin of another scheme', { Origin: 'http://latchkey.test' }],
    ['the Origin of another port', { Origin: `${ORIGIN}:8443` }],
    ['an Origin that only starts like this one', { Origin: `${ORIGIN}.evil.example` }],
    ['an Origin with a path', { Origin: `${ORIGIN}/` }],
    ['only a Referer', { Referer: `${ORIGIN}/` }],
    ['Sec-Fetch-Site: cross-site', { ...SAME_ORIGIN, 'Sec-Fetch-Site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { ...SAME_ORIGIN, 'Sec-Fetch-Site': 'same-site' }],
    ['Sec-Fetch-Site: none', { ...SAME_ORIGIN, 'Sec-Fetch-Site': 'none' }],
    ['an empty Sec-Fetch-Site', { ...SAME_ORIGIN, 'Sec-Fetch-Site': '' }],
    [
      'two values of Sec-Fetch-Site',
      { ...SAME_ORIGIN, 'Sec-Fetch-Site': 'same-origin, cross-site' },
    ],
    ['Sec-Fetch-Site: Same-Origin', { ...SAME_ORIGIN, 'Sec-Fetch-Site': 'Same-Origin' }],
  ]

  it.each(foreign)(
    'a cookie with %s returns 403 on /refresh and /logout, and changes nothing',
    async (_, headers) => {
      const cookie = await startBrowser()
      for (const path of ['/refresh', '/logout', '/logout?scope=all']) {
        logged.length = 0
        const response = await post(path, cookie, headers)
        expect(response.status).toBe(403)
        expect(await response.text()).toBe(REJECTED)
        // Another site must not be able to log the user out either.
        expect(response.headers.has('Set-Cookie')).toBe(false)
        expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="latchkey"')
        expect(logged.map((line) => JSON.parse(line).event)).toEqual(['origin.refused'])
      }
      expect(await countActiveSessions()).toBe(1)
      expect(await readGeneration()).toBe(0)
    },
  )

  it.each([
    ['both Sec-Fetch-Site: same-origin and the Origin', SAME_ORIGIN],
    ['only Sec-Fetch-Site: same-origin', { 'Sec-Fetch-Site': 'same-origin' }],
    ['only the Origin, from a browser without fetch metadata', { Origin: ORIGIN }],
    [
      'Sec-Fetch-Site: same-origin, which overrides the Origin',
      { 'Sec-Fetch-Site': 'same-origin', Origin: 'https://before-a-proxy.example' },
    ],
  ])('a cookie with %s is accepted', async (_, headers) => {
    expect((await post('/refresh', await startBrowser(), headers)).status).toBe(200)
    expect(await readGeneration()).toBe(1)
  })

  it('a cookie from another origin returns 403, even if CORS_ORIGINS lists that origin', async () => {
    const app = 'https://app.latchkey.test'
    const isolate = createIsolate({ CORS_ORIGINS: app })
    const response = await isolate.fetch('/refresh', {
      method: 'POST',
      headers: { Cookie: await startBrowser(), Origin: app, 'Sec-Fetch-Site': 'same-site' },
    })
    expect(response.status).toBe(403)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe(app)
    expect(response.headers.has('Access-Control-Allow-Credentials')).toBe(false)
    expect(await readGeneration()).toBe(0)
  })
})

describe('a token in the Authorization header takes precedence over the cookie', () => {
  it('/refresh uses the token in the header instead of the cookie and sets no cookie, regardless of the origin', async () => {
    const cookie = await startBrowser()
    const { refresh_token: token, access_token: access } = await startSession()
    const headers = { Authorization: `Bearer ${token}`, 'Sec-Fetch-Site': 'cross-site' }
    const response = await post('/refresh', cookie, headers)
    expect(response.status).toBe(200)
    expect(response.headers.has('Set-Cookie')).toBe(false)
    const body = await response.json<{ refresh_token: string }>()
    expect(readSegment(body.refresh_token, 1).sid).toBe(readSegment(access, 1).sid)
  })

  it('/logout with a token in the header does not end the session in the cookie', async () => {
    const cookie = await startBrowser()
    const { access_token: access } = await startSession()
    await post('/logout', cookie, { Authorization: `Bearer ${access}` })
    expect((await post('/refresh', cookie)).status).toBe(200)
  })

  it('an invalid Authorization header is rejected without falling back to the cookie', async () => {
    const cookie = await startBrowser()
    for (const Authorization of ['Bearer x.y.z', 'Basic eDp5', 'Bearer']) {
      const response = await post('/refresh', cookie, { ...SAME_ORIGIN, Authorization })
      expect(response.status).toBe(401)
      expect(response.headers.has('Set-Cookie')).toBe(false)
    }
    expect(await readGeneration()).toBe(0)
  })
})

describe('a cookie that no login has set', () => {
  it.each<[title: string, make: (pair: string) => string]>([
    ['an empty cookie', () => `${NAME}=`],
    ['a quoted cookie', (pair) => pair.replace('=', '="').concat('"')],
    ['a cookie that is not a token', () => `${NAME}=%`],
    ['a percent-encoded cookie', (pair) => pair.replace('=e', '=%65')],
    ['a cookie of 5,000 characters', () => `${NAME}=${'e'.repeat(5000)}`],
    ['two equal cookies', (pair) => `${pair}; ${pair}`],
    ['a valid cookie before an invalid one', (pair) => `${pair}; ${NAME}=x`],
    ['a valid cookie after an invalid one', (pair) => `${NAME}=x;${pair}`],
    ['two separate Cookie headers', (pair) => `${pair}, ${NAME}=x`],
    [
      'a cookie with an invalid signature',
      (pair) => `${pair.slice(0, pair.lastIndexOf('.'))}.AAAA`,
    ],
  ])('a refresh with %s returns 401 invalid_token and clears the cookie', async (_, make) => {
    const response = await post('/refresh', make(await startBrowser()))
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toContain('error="invalid_token"')
    expect(response.headers.getSetCookie()).toEqual([CLEARED])
    expect(await readGeneration()).toBe(0)
  })

  it('a refresh cookie that contains an access token returns 401', async () => {
    const { access_token: token } = await startSession()
    const response = await post('/refresh', `${NAME}=${token}`)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Only refresh tokens are allowed"}')
  })

  it.each([
    ['with another name', (pair: string) => pair.replace('__Host-', '')],
    ['with its name in another case', (pair: string) => pair.replace('__Host', '__host')],
    ['with a name that only ends like it', (pair: string) => `x${pair}`],
  ])('a cookie %s is ignored', async (_, make) => {
    const response = await post('/refresh', make(await startBrowser()))
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Missing Authorization Header"}')
    expect(response.headers.has('Set-Cookie')).toBe(false)
  })
})

it('the refresh cookie is found at any position among other cookies', async () => {
  for (const around of [(pair: string) => `a=1; ${pair}; b=2`, (pair: string) => `a=1;${pair};b`])
    expect((await post('/refresh', around(await startBrowser()))).status).toBe(200)
})

it('several Cookie lines do not log a browser out: the refresh cookie ends where the next line begins', async () => {
  for (const more of ['a=1', 'a=1; b=2', 'a', '']) {
    const headers = new Headers(SAME_ORIGIN)
    for (const line of [await startBrowser(), more]) headers.append('Cookie', line)
    expect((await fetchApp('/refresh', { method: 'POST', headers })).status).toBe(200)
  }
})

it.each(['a=1, ', 'a=1,', 'a=, ', 'a=1; b=2, '])(
  'a sibling domain cannot log a browser in with a refresh cookie in the value of its own: %s (ASVS 3.3.3)',
  async (start) => {
    const response = await post('/refresh', `${start}${await startBrowser()}`)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Missing Authorization Header"}')
    expect(response.headers.has('Set-Cookie')).toBe(false)
  },
)

it('a guarded route accepts no cookie, regardless of the type of token in it (ASVS 3.5.3)', async () => {
  const { access_token: access, refresh_token: refresh } = await startSession()
  for (const token of [access, refresh])
    for (const [method, path] of [
      ['GET', '/protected'],
      ['GET', '/me'],
      ['GET', '/sessions'],
      ['PUT', '/me/password'],
      ['DELETE', `/sessions/${readSegment(access, 1).sid}`],
    ] as const) {
      const headers = { ...SAME_ORIGIN, Cookie: `${NAME}=${token}; access_token=${access}` }
      const response = await fetchApp(path, { method, headers })
      expect(response.status).toBe(401)
      expect(await response.text()).toBe('{"msg":"Missing Authorization Header"}')
    }
  expect(await countActiveSessions()).toBe(1)
})

describe('a route with { cookies: true }', () => {
  const api = new Hono<AppEnv>()
    .onError(onError)
    .use(openContext)
    .get('/name', jwtRequired({ tokenType: 'any', cookies: true }), (c) => {
      expectTypeOf(c.var.user).toEqualTypeOf<Claims>()
      return c.json(c.var.user.sub)
    })
    .post('/name', jwtRequired({ tokenType: 'any', cookies: true }), (c) => c.json(c.var.user.sub))
    .get('/greeting', jwtRequired({ tokenType: 'any', cookies: true, optional: true }), (c) => {
      expectTypeOf(c.var.user).toEqualTypeOf<Claims | undefined>()
      return c.json(c.var.user?.sub ?? 'stranger')
    })
    .post('/renew', jwtRequired({ cookies: true, tokenType: 'refresh' }), (c) => {
      expectTypeOf(c.var.user).toEqualTypeOf<RefreshClaims>()
      return c.json(c.var.user.sub)
    })
    .post(
      '/admin',
      jwtRequired({ tokenType: 'any', cookies: true }),
      jwtRequired({ roles: ['admin'] }),
      (c) => c.json(''),
    )
    .get('/plain', jwtRequired({}), (c) => {
      expectTypeOf(c.var.user).toEqualTypeOf<AccessClaims>()
      return c.json(c.var.user.sub)
    })
  const sendTo = (method: string, path: string, headers: Record<string, string>) =>
    api.request(path, { method, headers }, env, createExecutionContext())

  it('a route with { cookies: true } accepts a cookie on safe methods from any origin, because no other origin can read the response', async () => {
    const headers = { Cookie: await startBrowser() }
    for (const method of ['GET', 'HEAD'])
      for (const extra of [{}, SAME_ORIGIN, { 'Sec-Fetch-Site': 'none' }])
        expect((await sendTo(method, '/name', { ...headers, ...extra })).status).toBe(200)
    expect(await (await sendTo('GET', '/greeting', headers)).json()).toBe('cosmo')
  })

  it('a route with { cookies: true } accepts a cookie on unsafe methods from this origin only', async () => {
    const Cookie = await startBrowser()
    for (const path of ['/name', '/renew']) {
      expect((await sendTo('POST', path, { ...SAME_ORIGIN, Cookie })).status).toBe(200)
      for (const extra of [{}, { Origin: 'null' }, { 'Sec-Fetch-Site': 'none' }])
        expect((await sendTo('POST', path, { Cookie, ...extra })).status).toBe(403)
    }
  })

  it('a route with { cookies: true } requires a token, and with { optional: true } also accepts a request without one', async () => {
    expect((await sendTo('GET', '/name', {})).status).toBe(401)
    expect((await sendTo('POST', '/name', { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(401)
    expect(await (await sendTo('GET', '/greeting', {})).json()).toBe('stranger')
    expect((await sendTo('GET', '/greeting', { Cookie: `${NAME}=x` })).status).toBe(401)
  })

  it('a route with { cookies: true } checks the database, so that a session is rejected however long ago it was revoked', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const headers = { Cookie: await startBrowser() }
    await env.DB.prepare('UPDATE sessions SET revoked_at = ?1').bind(now()).run()
    vi.setSystemTime(Date.now() + 86_400_000)
    const response = await sendTo('GET', '/name', headers)
    expect(response.status).toBe(401)
    expect(response.headers.get('Set-Cookie')).toBe(CLEARED)
  })

  it('a guard with roles does not accept the cookie that an earlier guard has accepted', async () => {
    await env.DB.prepare(`UPDATE users SET roles = '["admin"]'`).run()
    const response = await sendTo('POST', '/admin', {
      ...SAME_ORIGIN,
      Cookie: await startBrowser(),
    })
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Missing Authorization Header"}')
  })
})
