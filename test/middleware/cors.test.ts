import { Hono } from 'hono'
import { beforeEach, describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { openContext } from '../../src/middleware/context.ts'
import { allowOrigins } from '../../src/middleware/cors.ts'
import { securityHeaders } from '../../src/middleware/security-headers.ts'
import { addUser, logged, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const APP = 'https://app.example.com'
const open = createIsolate({ CORS_ORIGINS: `${APP}, http://localhost:3000` })
const closed = createIsolate()

beforeEach(() => addUser())

const preflight = (isolate: ReturnType<typeof createIsolate>, path: string, origin: string) =>
  isolate.fetch(path, {
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'authorization',
    },
  })

describe('a listed origin (ASVS 3.4.2)', () => {
  it.each([APP, 'http://localhost:3000'])(
    'a preflight from the listed origin %s succeeds on a guarded route without a token',
    async (origin) => {
      const response = await preflight(open, '/protected', origin)
      expect(response.status).toBe(204)
      expect(response.headers.get('Access-Control-Allow-Origin')).toBe(origin)
      expect(response.headers.get('Access-Control-Allow-Headers')).toContain('Authorization')
      expect(response.headers.get('Access-Control-Max-Age')).toBe('600')
      expect(response.headers.has('Access-Control-Allow-Credentials')).toBe(false)
    },
  )

  it('a listed origin can read successful and rejected responses, including the headers it needs', async () => {
    const { access_token: token } = await startSession()
    for (const headers of [{ Origin: APP }, { Origin: APP, Authorization: `Bearer ${token}` }]) {
      const response = await open.fetch('/protected', { headers })
      expect(response.headers.get('Access-Control-Allow-Origin')).toBe(APP)
      expect(response.headers.get('Access-Control-Expose-Headers')).toContain('WWW-Authenticate')
      expect(response.headers.get('Vary')).toBe('Origin')
    }
  })
})

describe('an unlisted origin', () => {
  it.each([
    'https://evil.example',
    'null',
    `${APP}.evil.example`,
    'http://app.example.com',
    'https://APP.example.com',
    `${APP}:8443`,
    `${APP}/`,
    'https://example.com',
    '*',
  ])('the unlisted origin %s cannot read any response and is not reflected', async (origin) => {
    for (const response of [
      await preflight(open, '/protected', origin),
      await open.fetch('/protected', { headers: { Origin: origin } }),
    ]) {
      expect(
        [...response.headers.keys()].filter((name) => name.startsWith('access-control')),
      ).toEqual([])
      expect([401, 405]).toContain(response.status)
    }
  })
})

it('a preflight returns 405 by default, because no origin is listed', async () => {
  const response = await preflight(closed, '/protected', APP)
  expect(response.status).toBe(405)
  expect(response.headers.has('Access-Control-Allow-Origin')).toBe(false)
})

it.each([
  'capacitor://localhost',
  'ionic://localhost',
  'tauri://localhost',
  'chrome-extension://a0b1c2d3e4f5',
  'com.example.app://localhost:8100',
  'http://[::1]:3000',
  'https://xn--mnchen-3ya.example',
])('pages of an app or a browser extension can be listed by their origin: %s', async (origin) => {
  const isolate = createIsolate({ CORS_ORIGINS: `${APP},${origin}` })
  const response = await preflight(isolate, '/protected', origin)
  expect(response.headers.get('Access-Control-Allow-Origin')).toBe(origin)
})

const MISTAKES = 'must be origins like'
const WILDCARD = 'must not contain *'

it.each([
  ['*', WILDCARD],
  ['https://*.example.com', WILDCARD],
  ['https://*.example.com/', WILDCARD],
  [`${APP}, https://app.example.*`, WILDCARD],
  ['http://localhost:*', WILDCARD],
  ['capacitor://*', WILDCARD],
  ['app.example.com', MISTAKES],
  [`${APP}/`, MISTAKES],
  [`${APP}/path`, MISTAKES],
  ['https://APP.example.com', MISTAKES],
  ['https://app.example.com:443', MISTAKES],
  ['https://user@app.example.com', MISTAKES],
  ['capacitor://localhost/', MISTAKES],
  ['capacitor://', MISTAKES],
  ['capacitor:localhost', MISTAKES],
  ['wss://app.example.com', MISTAKES],
  ['file://', MISTAKES],
  ['file://localhost', MISTAKES],
  ['null', MISTAKES],
  [`${APP};https://b.example.com`, MISTAKES],
])(
  'an origin in CORS_ORIGINS that no browser would send makes the Worker return 503 and say why: %s',
  async (origins, reason) => {
    const response = await createIsolate({ CORS_ORIGINS: origins }).fetch('/protected')
    expect(response.status).toBe(503)
    expect(JSON.parse(logged.at(-1) ?? '').reason).toContain(`CORS_ORIGINS ${reason}`)
  },
)

describe('a cached response never reaches another origin without its CORS headers:', () => {
  const custom = new Hono<AppEnv>()
    .use(securityHeaders)
    .use(openContext)
    .use(allowOrigins)
    .get('/public', (c) => c.text('', 200, { 'Cache-Control': 'max-age=60' }))
    .get('/encoded', (c) => {
      return c.text('', 200, { 'Cache-Control': 'max-age=60', Vary: 'Accept-Encoding' })
    })
    .get('/stored', () => new Response('', { headers: { 'Cache-Control': 'public' } }))

  it.each([
    ['/.well-known/jwks.json', app],
    ['/public', custom],
    ['/encoded', custom],
    ['/stored', custom],
  ])('%s', async (path, worker) => {
    for (const CORS_ORIGINS of ['', APP])
      for (const headers of [{}, { Origin: APP }, { Origin: 'https://b.example' }]) {
        const response = await createIsolate({ CORS_ORIGINS }, worker).fetch(path, { headers })
        expect(response.status).toBe(200)
        const varies = (response.headers.get('Vary') ?? '').split(', ')
        expect(varies.filter((name) => name === 'Origin')).toHaveLength(1)
      }
  })
})
