import { type Context, Hono } from 'hono'
import { expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { findUnguarded } from '../audit.ts'

/** The routes that need no token. Every other route must require one. */
const PUBLIC = [
  'GET /.well-known/jwks.json',
  'GET /health',
  'GET /ready',
  'POST /login',
  'POST /signup',
]

it('every route of the assembled app requires a token or is on the public list (ASVS 8.1.1, 8.2.1)', async () => {
  expect(await findUnguarded(app)).toEqual(PUBLIC)
})

it('the route table that the audit reads contains the guarded routes', () => {
  const paths = app.routes.map(({ method, path }) => `${method} ${path}`)
  expect(paths).toEqual(expect.arrayContaining(['GET /protected', 'GET /secure-data']))
})

const leak = (c: Context) => c.json('leaked')

it.each([
  [
    "registered before the guard (the lesson's bug)",
    new Hono<AppEnv>().get('/leak', leak).route('/', app),
  ],
  [
    'with a path parameter that is registered before the guard',
    new Hono<AppEnv>().get('/leak/:id', leak).route('/', app),
  ],
  [
    'for every method that is registered before the guard',
    new Hono<AppEnv>().all('/leak', leak).route('/', app),
  ],
  [
    'for another method of a guarded path',
    new Hono<AppEnv>().delete('/protected', leak).route('/', app),
  ],
  [
    'behind a guard that is mounted on a different path',
    new Hono<AppEnv>().post('/leak', leak).route('/api', app),
  ],
])('the audit reports an unguarded route %s', async (_, unguarded) => {
  const found = await findUnguarded(unguarded)
  const publicPaths = PUBLIC.map((route) => route.slice(route.indexOf('/')))
  expect(found.filter((route) => !publicPaths.some((path) => route.endsWith(path)))).toHaveLength(1)
})

it('the audit accepts a route that is registered behind the guard', async () => {
  expect(await findUnguarded(new Hono<AppEnv>().route('/', app).get('/kept', leak))).toEqual(PUBLIC)
})
