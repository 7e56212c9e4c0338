import { beforeEach, describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import { COSMO, addUser, logged, readSegment, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

/** The keys that Cloudflare's rate limiter was called with. */
const keys: string[] = []
const LOGIN_LIMITER = {
  limit: async ({ key }: { key: string }) => ({ success: keys.push(key) <= 30 }),
}
const APP_ORIGIN = 'https://app.example.com'
const worker = createIsolate({ LOGIN_LIMITER, SIGNUP: 'open', CORS_ORIGINS: APP_ORIGIN })

beforeEach(async () => {
  await addUser()
  keys.length = 0
})

const JSON_TYPE = { 'Content-Type': 'application/json' }
type Route = [method: string, path: string]
const send = (headers: Record<string, string>, [method, path]: Route = ['POST', '/login']) =>
  worker.fetch(path, { method, headers, body: JSON.stringify(COSMO) })

const PASSWORD_ROUTES: Route[] = [
  ['POST', '/login'],
  ['POST', '/signup'],
  ['PUT', '/me/password'],
]

describe('a page of another origin cannot use up the attempts of its visitor', () => {
  it.each<[title: string, status: number, headers: Record<string, string>]>([
    ['text/plain', 415, { 'Content-Type': 'text/plain' }],
    ['a form', 415, { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['no media type', 415, { 'Content-Type': '' }],
    ['JSON in text/plain', 415, { 'Content-Type': 'text/plain; x=application/json' }],
    ['JSON of another site', 403, { ...JSON_TYPE, 'Sec-Fetch-Site': 'cross-site' }],
    [
      'JSON of an unlisted origin',
      403,
      { ...JSON_TYPE, 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' },
    ],
  ])('by 31 requests with %s', async (_, status, headers) => {
    const { access_token: token } = await startSession()
    for (const route of PASSWORD_ROUTES)
      for (let n = 0; n < 31; n += 1) {
        const response = await send({ ...headers, Authorization: `Bearer ${token}` }, route)
        expect(response.status).toBe(status)
      }
    expect(keys).toEqual([])
    expect((await send(JSON_TYPE)).status).toBe(200)
  })

  it.each<[title: string, headers: Record<string, string>]>([
    ['a page of this origin', { 'Sec-Fetch-Site': 'same-origin' }],
    ['an address bar', { 'Sec-Fetch-Site': 'none' }],
    ['a listed origin', { 'Sec-Fetch-Site': 'cross-site', Origin: APP_ORIGIN }],
  ])('and %s can log in', async (_, headers) => {
    expect((await send({ ...JSON_TYPE, ...headers })).status).toBe(200)
  })
})

describe('callers without an address share no counter, so nobody can lock all of them out:', () => {
  it.each<[title: string, headers: Record<string, string>]>([
    ['no CF-Connecting-IP (a service binding)', {}],
    ['an empty CF-Connecting-IP', { 'CF-Connecting-IP': '' }],
    ['the address of all Workers of other zones', { 'CF-Connecting-IP': '2a06:98c0:3600::103' }],
    ['another notation of it', { 'CF-Connecting-IP': '2A06:98C0:3600:0:0:0:0:103' }],
    ['something that is not an address', { 'CF-Connecting-IP': 'x:y' }],
  ])('with %s, a login is a 503 that is logged', async (_, headers) => {
    const init = {
      method: 'POST',
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify(COSMO),
    }
    const response = await app.request('https://latchkey.test/login', init, worker.env)
    expect(response.status).toBe(503)
    expect(response.headers.get('X-Error-Code')).toBe('address_unknown')
    expect(response.headers.get('Retry-After')).toBe('60')
    expect(logged.map((line) => JSON.parse(line).event)).toEqual(['address.unknown'])
    expect(keys).toEqual([])
  })

  it.each(['http://localhost:8787', 'http://127.0.0.1', 'http://[::1]:8787', 'https://localhost'])(
    'in local development at %s, a login needs no CF-Connecting-IP',
    async (origin) => {
      const init = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(COSMO) }
      expect((await app.request(`${origin}/login`, init, worker.env)).status).toBe(200)
    },
  )

  it('a host that only begins like a local one is not local', async () => {
    const init = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(COSMO) }
    const url = 'https://localhost.evil.example/login'
    expect((await app.request(url, init, worker.env)).status).toBe(503)
  })
})

describe('refreshes are limited by session, so that nobody can write without bound:', () => {
  const refreshed: string[] = []
  const REFRESH_LIMITER = {
    limit: async ({ key }: { key: string }) => ({ success: refreshed.push(key) <= 2 }),
  }
  const limited = createIsolate({ REFRESH_LIMITER })
  beforeEach(() => {
    refreshed.length = 0
  })

  it('a session over its rate is a 429 without a statement, and can be refreshed again afterwards', async () => {
    let { refresh_token: token } = await startSession()
    const { statements } = limited
    for (let n = 0; n < 2; n += 1)
      ({ refresh_token: token } = await (
        await limited.post('/refresh', token)
      ).json<{ refresh_token: string }>())
    for (let n = 0; n < 50; n += 1) {
      const response = await limited.post('/refresh', token)
      expect([response.status, response.headers.get('Retry-After')]).toEqual([429, '60'])
      expect(response.headers.get('X-Error-Code')).toBe('too_many_attempts')
    }
    expect(limited.statements - statements).toBe(2)
    expect(new Set(refreshed)).toEqual(new Set([readSegment(token, 1).sid]))
    refreshed.length = 0
    expect((await limited.post('/refresh', token)).status).toBe(200)
  })

  it('a token that is not valid uses up no rate of a session', async () => {
    const { access_token: access, refresh_token: token } = await startSession()
    for (const invalid of [access, `${token.slice(0, -10)}AAAAAAAAAA`])
      expect((await limited.post('/refresh', invalid)).status).toBe(401)
    expect(refreshed).toEqual([])
  })

  it('a rate limiter that fails is a 503, and the session is not refreshed', async () => {
    const { refresh_token: token } = await startSession()
    const failing = createIsolate({
      REFRESH_LIMITER: { limit: () => Promise.reject(new Error('down')) },
    })
    expect((await failing.post('/refresh', token)).status).toBe(503)
    expect(failing.statements).toBe(0)
  })
})
