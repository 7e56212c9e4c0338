import { type Context, Hono } from 'hono'
import { every, except, some } from 'hono/combine'
import { describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { onError } from '../../src/http/error-response.ts'
import { openContext } from '../../src/middleware/context.ts'
import { jwtRequired } from '../../src/middleware/jwt.ts'
import {
  explainOpenToRefreshTokens,
  explainUnguarded,
  findOpenToRefreshTokens,
  findUnguarded,
  toExample,
} from '../audit.ts'
import { addUser, startSession } from '../helpers.ts'

/** The routes that accept a refresh token. Every other route must refuse it. */
const FOR_REFRESH_TOKENS = [
  'POST /logout', // also after the access token has expired
  'POST /refresh',
]

/** The routes that need no token. Every other route must require one. */
const PUBLIC = [
  'GET /.well-known/jwks.json',
  'GET /health',
  'GET /ready',
  'POST /login',
  'POST /reset-password',
  'POST /signup',
]

it('every route of the assembled app requires a token or is on the public list (ASVS 8.1.1, 8.2.1)', async () => {
  const unguarded = await findUnguarded(app)
  expect(explainUnguarded(unguarded, PUBLIC)).toEqual([])
  expect(unguarded).toEqual(PUBLIC)
})

it('a refresh token opens only the routes for it (RFC 9700 4.14.2)', async () => {
  await addUser()
  const createToken = async () => (await startSession()).refresh_token
  const open = await findOpenToRefreshTokens(app, createToken)
  expect(explainOpenToRefreshTokens(open, [...PUBLIC, ...FOR_REFRESH_TOKENS])).toEqual([])
  expect(open).toEqual(expect.arrayContaining(FOR_REFRESH_TOKENS))
})

it('the audit finds a guard that accepts a refresh token', async () => {
  await addUser()
  const mistaken = first()
    .onError(onError)
    .use(openContext)
    .get('/a', jwtRequired({ tokenType: 'any' }), leak)
    .get('/b', guard, leak)
  const createToken = async () => (await startSession()).refresh_token
  const open = await findOpenToRefreshTokens(mistaken, createToken)
  expect(open).toEqual(['GET /a'])
  expect(explainOpenToRefreshTokens(open, ['GET /a'])).toEqual([])
  expect(explainOpenToRefreshTokens(open, ['GET /b'])).toEqual([
    "GET /a accepts a refresh token. Require an access token, or add 'GET /a' to FOR_REFRESH_TOKENS in test/routes/audit.test.ts.",
  ])
})

it('the route table that the audit reads contains the guarded routes', () => {
  const paths = app.routes.map(({ method, path }) => `${method} ${path}`)
  expect(paths).toEqual(expect.arrayContaining(['GET /protected', 'GET /secure-data']))
})

const leak = async (c: Context) => c.json('leaked')
const guard = jwtRequired()
const first = () => new Hono<AppEnv>()

describe('the audit reports an unguarded route', () => {
  it.each<
    [shape: string, names: string, unguarded: Pick<Hono<AppEnv>, 'routes' | 'router' | 'fetch'>]
  >([
    [
      "registered before the guard (the lesson's bug)",
      'GET /leak',
      first().get('/leak', leak).route('/', app),
    ],
    ['with a parameter', 'GET /leak/:id', first().get('/leak/:id', leak).route('/', app)],
    [
      'with a pattern',
      'GET /leak/:id{[0-9]+}',
      first().get('/leak/:id{[0-9]+}', leak).route('/', app),
    ],
    ['for every method', 'ALL /leak', first().all('/leak', leak).route('/', app)],
    ['with a wildcard', 'ALL /leak/*', first().all('/leak/*', leak).route('/', app)],
    ['that is a middleware', 'ALL /leak/*', first().use('/leak/*', leak).route('/', app)],
    [
      'that is a mounted app',
      'ALL /leak/*',
      first()
        .mount('/leak', () => Response.json('in'))
        .route('/', app),
    ],
    ['registered with on()', 'PUT /leak', first().on(['PUT'], ['/leak'], leak).route('/', app)],
    ['under a base path', 'GET /api/leak', first().basePath('/api').get('/leak', leak)],
    [
      'for another method of a guarded path',
      'DELETE /protected',
      first().delete('/protected', leak).route('/', app),
    ],
    [
      'for all other methods of a guarded path',
      'ALL /thing',
      first().get('/thing', guard, leak).all('/thing', leak),
    ],
    ['whose guard comes after it', 'GET /leak', first().get('/leak', leak, guard)],
    [
      'whose guard is optional',
      'GET /leak',
      first().get('/leak', jwtRequired({ optional: true }), leak),
    ],
    [
      'with an exception from the guard',
      'ALL /*, GET /leak',
      first().use(except('/leak', guard)).get('/leak', leak),
    ],
    [
      'whose handler checks tokens by itself',
      'GET /leak',
      first().get('/leak', async (c) => c.json('no token', 401)),
    ],
    [
      'whose errors the app turns into a response without a token',
      'GET /leak',
      first()
        .onError((_, c) => c.json('leaked', c.req.header('Authorization') ? 401 : 200))
        .get('/leak', guard, leak),
    ],
    [
      'whose errors the app turns into a response with a forged token',
      'GET /leak',
      first()
        .onError((_, c) => c.json('leaked', c.req.header('Authorization') ? 200 : 401))
        .get('/leak', guard, leak),
    ],
    ['inside every()', 'GET /leak', first().get('/leak', every(leak))],
    ['inside some()', 'GET /leak', first().get('/leak', some(leak, guard))],
    [
      'in a sub-app before the guard',
      'GET /sub/leak',
      first().route('/sub', first().get('/leak', leak)).route('/', app),
    ],
    [
      'behind a guard on another path',
      'POST /leak',
      first().post('/leak', leak).route('/api', app),
    ],
  ])('%s', async (_, names, unguarded) => {
    const found = await findUnguarded(unguarded)
    const known = new Set(PUBLIC.flatMap((route) => [route, route.replace(' /', ' /api/')]))
    expect(found.filter((route) => !known.has(route))).toEqual(names.split(', '))
    expect(explainUnguarded(found, PUBLIC).join()).toContain(
      `to PUBLIC in test/routes/audit.test.ts`,
    )
  })
})

it.each([
  ['behind the guard of the protected router', first().route('/', app).get('/kept', leak)],
  [
    'in a sub-app registered after it',
    first().route('/', app).route('/', first().get('/kept', leak)),
  ],
])('the audit accepts a route %s', async (_, guarded) => {
  expect(await findUnguarded(guarded)).toEqual(PUBLIC)
})

it.each([
  ['/a/:b', '/a/x'],
  ['/a/:b?', '/a/x'],
  ['/a/:b{[0-9]+}', '/a/1'],
  ['/a/:b{[0-9]{3}}', '/a/123'],
  ['/a/:b{[a-z][0-9]}', '/a/a1'],
  ['/a/:b{\\d{4}-\\d\\d-\\d\\d}', '/a/2026-01-01'],
  ['/a/:b{.+\\.txt}', '/a/x.txt'],
  ['/a/:b{[0-9a-f-]{36}}', '/a/00000000-0000-4000-8000-000000000000'],
])('the audit calls %s as %s', (path, example) => {
  expect(toExample(path)).toBe(example)
})

it('a pattern that no candidate matches asks for an example', () => {
  const path = '/orders/:id{[A-Z]{3}-[0-9]+}'
  expect(toExample(path, { [path]: '/orders/ABC-1' })).toBe('/orders/ABC-1')
  expect(() => toExample('/orders/:id{[A-Z]{3}-[0-9]+}')).toThrow('EXAMPLES in test/audit.ts')
  expect(toExample('/users/:id{[0-9]+}/files/*')).toBe('/users/1/files/x')
})
