import { type Context, Hono } from 'hono'
import { expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { findUnguarded } from '../audit.ts'

/** Every route that may answer without a token. A route not on this list needs one. */
const PUBLIC = [
  'GET /.well-known/jwks.json',
  'GET /health',
  'GET /ready',
  'POST /login',
  'POST /signup',
]

it('every route of the assembled app is guarded or on the public list (ASVS 8.1.1, 8.2.1)', async () => {
  expect(await findUnguarded(app)).toEqual(PUBLIC)
})

it('the audit sees the guarded routes at all', () => {
  const paths = app.routes.map(({ method, path }) => `${method} ${path}`)
  expect(paths).toEqual(expect.arrayContaining(['GET /protected', 'GET /secure-data']))
})

const leak = (c: Context) => c.json('leaked')

it.each([
  [
    "registered before the guard, the lesson's bug",
    new Hono<AppEnv>().get('/leak', leak).route('/', app),
  ],
  ['with a parameter', new Hono<AppEnv>().get('/leak/:id', leak).route('/', app)],
  ['for every method', new Hono<AppEnv>().all('/leak', leak).route('/', app)],
  [
    'for one method of a guarded path',
    new Hono<AppEnv>().delete('/protected', leak).route('/', app),
  ],
  [
    'behind a guard that is mounted on another path',
    new Hono<AppEnv>().post('/leak', leak).route('/api', app),
  ],
])('the audit catches a route %s', async (_, planted) => {
  const found = await findUnguarded(planted)
  const known = PUBLIC.map((route) => route.slice(route.indexOf('/')))
  expect(found.filter((route) => !known.some((path) => route.endsWith(path)))).toHaveLength(1)
})

it('the audit passes a route that is registered behind the guard', async () => {
  expect(await findUnguarded(new Hono<AppEnv>().route('/', app).get('/kept', leak))).toEqual(PUBLIC)
})
