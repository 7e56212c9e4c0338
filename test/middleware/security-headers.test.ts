import { type Context, Hono } from 'hono'
import { setCookie } from 'hono/cookie'
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

it.each<[title: string, respond: (c: Context) => Response, extra: Record<string, string>]>([
  ['a header', (c) => (c.header('X-Own', '1'), c.json('x')), { 'x-own': '1' }],
  ['a header in c.json', (c) => c.json('x', 200, { 'X-Own': '1' }), { 'x-own': '1' }],
  ['a cookie', (c) => (setCookie(c, 'a', 'b'), c.json('x')), { 'set-cookie': 'a=b; Path=/' }],
  [
    'its own media type',
    (c) => c.json('x', 200, { 'Content-Type': 'application/problem+json' }),
    {},
  ],
  ['a second response', (c) => (c.json('y'), c.json('x')), {}],
  ['a response that it keeps', (c) => ((c.res = c.json('x')), c.res), {}],
])(
  'a route that sets %s before its JSON has that and all security headers',
  async (_, respond, extra) => {
    const custom = new Hono().use(securityHeaders).get('/', respond)
    const response = await custom.request('/')
    expect(await response.text()).toBe('"x"')
    expect(Object.fromEntries(response.headers)).toMatchObject({ ...toLowerCase(STRICT), ...extra })
  },
)

it.each<[title: string, respond: (c: Context) => Response]>([
  ['c.status', (c) => (c.status(201), c.json('x'))],
  ['c.json', (c) => c.json('x', 201)],
])('a status that a route sets by %s is the one of its response', async (_, respond) => {
  const custom = new Hono().use(securityHeaders).get('/', respond)
  const response = await custom.request('/')
  expect([response.status, await response.text()]).toEqual([201, '"x"'])
  expect(response.headers.get('Cache-Control')).toBe('no-store')
})

it('a header that one response gets is in no later one, although they are given the same object', async () => {
  const custom = new Hono().use(securityHeaders).get('/', (c) => c.json('x'))
  const first = await custom.request('/')
  first.headers.set('X-Own', '1')
  first.headers.delete('Cache-Control')
  const second = await custom.request('/')
  expect(second.headers.get('X-Own')).toBeNull()
  expect(second.headers.get('Cache-Control')).toBe('no-store')
})

it('headers that another middleware sets before and after the route are in the response', async () => {
  const custom = new Hono()
    .use(securityHeaders)
    .use(async (c, next) => {
      c.header('X-Before', '1')
      await next()
      c.header('X-After', '1')
      c.res.headers.append('Vary', 'Origin')
    })
    .get('/', (c) => c.json('x'))
  const { headers } = await custom.request('/')
  expect(Object.fromEntries(headers)).toMatchObject({
    ...toLowerCase(STRICT),
    'x-before': '1',
    'x-after': '1',
    vary: 'Origin',
  })
})

const toLowerCase = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
