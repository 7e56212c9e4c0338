import { Hono } from 'hono'
import { expect, it } from 'vitest'

import { apiHeaders } from '../../src/middleware/security-headers.ts'

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

const own = new Hono()
  .use(apiHeaders)
  .get('/json', (c) => c.json('x'))
  .get('/raw', () => new Response('x'))
  .get('/empty', (c) => c.body(null, 204))
  .get('/fetched', () => fetch('data:text/plain,x'))
  .get('/page', (c) => c.html('x', 200, PAGE))
  .get('/loose', (c) => c.html('x', 200, { 'Content-Security-Policy': '*' }))
  .get('/redirect', () => Response.redirect('https://latchkey.test/'))

const headersOf = async (path: string) => {
  const { headers } = await own.request(path)
  return Object.fromEntries(Object.keys(STRICT).map((name) => [name, headers.get(name)]))
}

it.each(['/json', '/raw', '/empty', '/nope', '/fetched', '/redirect'])(
  'an answer carries all of them, however it was made: %s (ASVS 3.4.1)',
  async (path) => expect(await headersOf(path)).toEqual(STRICT),
)

it('a fetched answer, whose headers cannot be changed, keeps its status, body and type', async () => {
  const response = await own.request('/fetched')
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('text/plain')
  expect(await response.text()).toBe('x')
})

it('a route that says how its answer is cached may say otherwise of the rest too', async () => {
  expect(await headersOf('/page')).toEqual({ ...STRICT, ...PAGE })
})

it('a route that does not is held to all of them, whatever it says', async () => {
  expect(await headersOf('/loose')).toEqual(STRICT)
})
