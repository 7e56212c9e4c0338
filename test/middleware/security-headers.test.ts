import { Hono } from 'hono'
import { expect, it } from 'vitest'

import { securityHeaders } from '../../src/middleware/security-headers.ts'

const STRICT = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'Content-Security-Policy':
    "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
}
const PAGE = { 'Cache-Control': 'max-age=60', 'Content-Security-Policy': "default-src 'self'" }

const app = new Hono()
  .use(securityHeaders)
  .get('/json', (c) => c.json('x'))
  .get('/raw', () => new Response('x'))
  .get('/empty', (c) => c.body(null, 204))
  .get('/fetched', () => fetch('data:text/plain,x'))
  .get('/page', (c) => c.html('x', 200, PAGE))
  .get('/loose', (c) => c.html('x', 200, { 'Content-Security-Policy': '*' }))
  .get('/redirect', () => Response.redirect('https://latchkey.test/'))

const headersOf = async (path: string) => {
  const { headers } = await app.request(path)
  return Object.fromEntries(Object.keys(STRICT).map((name) => [name, headers.get(name)]))
}

it.each(['/json', '/raw', '/empty', '/nope', '/fetched', '/redirect'])(
  'every response has all security headers, regardless of how it was created: %s (ASVS 3.4.1)',
  async (path) => expect(await headersOf(path)).toEqual(STRICT),
)

it('a fetched response, whose headers are immutable, keeps its status, body and type', async () => {
  const response = await app.request('/fetched')
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('text/plain')
  expect(await response.text()).toBe('x')
})

it('a route that sets its own Cache-Control can override the other headers too', async () => {
  expect(await headersOf('/page')).toEqual({ ...STRICT, ...PAGE })
})

it('a route without its own Cache-Control cannot override any security header', async () => {
  expect(await headersOf('/loose')).toEqual(STRICT)
})
