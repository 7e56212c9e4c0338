import { beforeEach, describe, expect, it } from 'vitest'

import { addUser, startSession } from '../helpers.ts'
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

it.each(['*', 'app.example.com', `${APP}/`, `${APP}/path`, 'https://*.example.com/'])(
  'an invalid origin in CORS_ORIGINS makes the Worker return 503: %s',
  async (origins) => {
    const response = await createIsolate({ CORS_ORIGINS: origins }).fetch('/protected')
    expect(response.status).toBe(503)
  },
)
