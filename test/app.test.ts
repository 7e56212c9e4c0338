import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { beforeEach, describe, expect, it } from 'vitest'

import { app } from '../src/app.ts'
import type { AppEnv } from '../src/app-env.ts'
import {
  ADDRESS,
  COSMO,
  addUser,
  fetchApp,
  getWithToken,
  logged,
  login,
  postJson,
} from './helpers.ts'

beforeEach(() => addUser())

it('plain HTTP is refused instead of redirected, except on localhost (ASVS 4.1.2)', async () => {
  const post = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': ADDRESS },
    body: JSON.stringify(COSMO),
  }
  for (const host of ['latchkey.test', 'localhost.evil.test', '127.0.0.1.evil.test', '192.0.2.1']) {
    const response = await app.request(`http://${host}/login`, post, env)
    expect(response.status).toBe(403)
    expect(await response.text()).toBe('{"error":"HTTPS required"}')
  }
  expect((await env.DB.prepare('SELECT 1 FROM sessions').all()).results).toEqual([])
  for (const origin of ['https://latchkey.test', 'http://localhost:8787', 'http://[::1]'])
    expect((await app.request(`${origin}/login`, post, env)).status).toBe(200)
})

describe('unknown paths', () => {
  it.each([
    '/',
    '/nope',
    '/protected/',
    '//protected',
    '/./protected/.',
    '/Protected',
    '/%50rotected',
    '/protected%2f',
    '/protected;x',
    '/login/x',
    '/.dev.vars',
    '/.env',
    '/.git/config',
    '/.git/HEAD',
    '/.keys.production',
    '/.wrangler/state',
    '/wrangler.toml',
    '/package.json',
    '/tsconfig.json',
    '/README.md',
    '/src/index.ts',
    '/index.js',
    '/index.js.map',
    '/db/migrations/0001_users.sql',
    '/__scheduled',
    '/cdn-cgi/handler/scheduled',
    '/cdn-cgi/local/scheduled',
    '/debug',
    '/metrics',
    '/admin',
    '/.well-known/openid-configuration',
  ])(
    'the unknown path %s responds with 404, with and without a token (ASVS 13.4.1, 13.4.2)',
    async (path) => {
      for (const response of [await fetchApp(path), await getWithToken(path, await login())]) {
        expect(response.status).toBe(404)
        expect(await response.text()).toBe('{"error":"Not found"}')
      }
    },
  )
})

describe('unsupported methods', () => {
  it.each([
    ['GET', '/login', 'POST'],
    ['PUT', '/login', 'POST'],
    ['POST', '/protected', 'GET, HEAD'],
    ['DELETE', '/secure-data', 'GET, HEAD'],
    ['OPTIONS', '/protected', 'GET, HEAD'],
  ])(
    '%s %s responds with 405 and Allow, with and without a token (RFC 9110 15.5.6, ASVS 3.5.3)',
    async (method, path, allow) => {
      for (const headers of [{}, { Authorization: `Bearer ${await login()}` }]) {
        const response = await fetchApp(path, { method, headers })
        expect(response.status).toBe(405)
        expect(response.headers.get('Allow')).toBe(allow)
        expect(await response.text()).toBe('{"error":"Method not allowed"}')
      }
    },
  )
})

it('every response has the security headers, including errors (ASVS 3.4.1, 3.4.3, 3.4.4, 3.4.5, 3.4.6, 4.1.1, 14.3.2)', async () => {
  const responses = [
    await postJson('/login', COSMO),
    await postJson('/login', {}),
    await postJson('/login', { ...COSMO, password: 'wrong' }),
    await getWithToken('/protected', await login()),
    await fetchApp('/protected'),
    await fetchApp('/nope'),
    await fetchApp('/login'),
    await app.request('/protected', {}, { ...env, JWT_SECRET: '' }),
  ]
  expect(responses.map(({ status }) => status)).toEqual([200, 400, 401, 200, 401, 404, 405, 503])
  for (const { headers } of responses) {
    expect(headers.get('Strict-Transport-Security')).toBe('max-age=31536000; includeSubDomains')
    expect(headers.get('Content-Security-Policy')).toBe(
      "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    )
    expect(headers.get('Referrer-Policy')).toBe('no-referrer')
    expect(headers.get('Cache-Control')).toBe('no-store')
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('Content-Type')).toBe('application/json')
  }
})

it('a raw Response returned by an endpoint has the security headers as well', async () => {
  const raw = new Hono<AppEnv>().route('/', app).get('/raw', () => new Response('raw'))
  const response = await raw.request(
    '/raw',
    { headers: { Authorization: `Bearer ${await login()}` } },
    env,
    createExecutionContext(),
  )
  expect(await response.text()).toBe('raw')
  expect(response.headers.get('Cache-Control')).toBe('no-store')
})

it('an HTTPException thrown by an endpoint sets the status of the response', async () => {
  const throwing = new Hono<AppEnv>().route('/', app).get('/teapot', () => {
    throw new HTTPException(418, { message: 'short and stout' })
  })
  const headers = { Authorization: `Bearer ${await login()}` }
  const response = await throwing.request('/teapot', { headers }, env, createExecutionContext())
  expect(response.status).toBe(418)
})

describe('a misconfigured Worker responds with 503 and logs which variable is wrong:', () => {
  it.each([
    ['JWT_SECRET', { JWT_SECRET: undefined }],
    ['JWT_SECRET', { JWT_SECRET: '' }],
    ['JWT_SECRET', { JWT_SECRET: 'super-secret' }],
    ['JWT_SECRET', { JWT_SECRET: '0'.repeat(64) }],
    ['JWT_ISSUER', { JWT_ISSUER: '' }],
    ['JWT_AUDIENCE', { JWT_AUDIENCE: 7 }],
    ['ACCESS_TOKEN_SECONDS', { ACCESS_TOKEN_SECONDS: '15m' }],
    ['ACCESS_TOKEN_SECONDS', { ACCESS_TOKEN_SECONDS: '0' }],
    ['PASSWORD_MIN_LENGTH', { PASSWORD_MIN_LENGTH: '7' }],
    ['DB', { DB: undefined }],
  ])('%s: %j', async (variable, wrong) => {
    const broken = { ...env, ...wrong }
    const post = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(COSMO),
    }
    for (const [path, init] of [
      ['/protected', {}],
      ['/login', post],
    ] as const) {
      const response = await app.request(path, init, broken)
      expect(response.status).toBe(503)
      expect(response.headers.get('Retry-After')).toBe('60')
      expect(await response.text()).toBe('{"error":"Service unavailable"}')
      const line = JSON.parse(logged.at(-1) ?? '')
      expect(line).toMatchObject({
        event: expect.stringMatching(/^(keys|settings)\.invalid$/),
        level: 'error',
        status: 503,
      })
      expect(line.reason).toContain(variable)
    }
  })
})

/** Returns a D1 binding that fails with this message. */
const createFailingDb = (message: string) => ({
  batch: () => Promise.reject(new Error(message)),
  prepare: () => ({ bind: () => ({ all: () => Promise.reject(new Error(message)) }) }),
})
const logIn = (bindings: object) =>
  app.request(
    '/login',
    {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'cf-ray': '8f00-AMS' },
      body: JSON.stringify(COSMO),
    },
    { ...env, ...bindings },
  )

describe('an unavailable database', () => {
  it.each([
    ['unreachable', 'D1_ERROR: Network connection lost.'],
    ['overloaded', 'D1_ERROR: D1 DB is overloaded. Requests queued for too long.'],
  ])(
    'an %s database causes a 503 with Retry-After, and its error is logged (ASVS 16.3.4)',
    async (_, message) => {
      const response = await logIn({ DB: createFailingDb(message) })
      expect(response.status).toBe(503)
      expect(response.headers.get('Retry-After')).toBe('5')
      expect(response.headers.get('X-Request-Id')).toBe('8f00-AMS')
      expect(await response.text()).toBe('{"error":"Service unavailable"}')
      expect(JSON.parse(logged.at(-1) ?? '')).toMatchObject({
        event: 'database.failed',
        requestId: '8f00-AMS',
        method: 'POST',
        route: '/login',
        reason: message,
      })
    },
  )

  it('a database without tables causes a 503, and the log names the command that creates them', async () => {
    await env.DB.prepare('ALTER TABLE users RENAME TO elsewhere').run()
    const response = await logIn({})
    await env.DB.prepare('ALTER TABLE elsewhere RENAME TO users').run()
    expect(response.status).toBe(503)
    expect(JSON.parse(logged.at(-1) ?? '').reason).toContain('npm run db:migrate')
  })
})

describe('an unexpected error', () => {
  const bug = {
    prepare: () => {
      throw new TypeError(`cannot read eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjIn0.c2ln of undefined`)
    },
  }

  it('an unexpected error responds with 500 and reveals only the request id (ASVS 16.5.1, 16.5.4)', async () => {
    const response = await logIn({ DB: bug })
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('{"error":"Internal server error"}')
    expect(response.headers.get('X-Request-Id')).toBe('8f00-AMS')
  })

  it('an unexpected error is logged with its stack on one line and its tokens redacted (ASVS 16.2.5)', async () => {
    await logIn({ DB: bug })
    expect(logged).toHaveLength(1)
    const line = JSON.parse(logged[0] ?? '')
    expect(line).toMatchObject({ event: 'error', requestId: '8f00-AMS', status: 500 })
    expect(line.stack).toContain('TypeError: cannot read [redacted] of undefined')
  })
})
