import { env } from 'cloudflare:workers'
import { beforeEach, expect, it, vi } from 'vitest'

import { COSMO, addUser, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

type Isolate = ReturnType<typeof createIsolate>
type Tokens = Awaited<ReturnType<typeof startSession>>

beforeEach(() => addUser(COSMO, ['admin']))
const EVE = { username: 'eve', password: 'a dog in a rocket, barking' }

const send = (isolate: Isolate, method: string, path: string, token: string, body: object) =>
  isolate.fetch(path, {
    method,
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })

/** Each request runs in a new isolate, so that the guard's read of the revoked sessions is counted. */
it.each<
  [
    statements: number,
    roundTrips: number,
    title: string,
    request: (i: Isolate, t: Tokens) => unknown,
  ]
>([
  [0, 0, 'GET /health', (i) => i.fetch('/health')],
  [1, 1, 'GET /ready', (i) => i.fetch('/ready')],
  [0, 0, 'GET /.well-known/jwks.json', (i) => i.fetch('/.well-known/jwks.json')],
  [6, 2, 'POST /login', (i) => send(i, 'POST', '/login', '', COSMO)],
  [6, 4, 'POST /signup', (i) => send(i, 'POST', '/signup', '', EVE)],
  [2, 2, 'GET /users', (i, t) => i.get('/users', t.access_token)],
  [2, 2, 'GET /users/cosmo', (i, t) => i.get('/users/cosmo', t.access_token)],
  [3, 3, 'GET /users/cosmo/sessions', (i, t) => i.get('/users/cosmo/sessions', t.access_token)],
  [5, 3, 'POST /users', (i, t) => send(i, 'POST', '/users', t.access_token, EVE)],
  [6, 2, 'PATCH /users/x', (i, t) => send(i, 'PATCH', '/users/x', t.access_token, { roles: [] })],
  [7, 2, 'DELETE /users/x', (i, t) => send(i, 'DELETE', '/users/x', t.access_token, {})],
  [1, 1, 'POST /refresh', (i, t) => i.post('/refresh', t.refresh_token)],
  [1, 1, 'GET /protected', (i, t) => i.get('/protected', t.access_token)],
  [1, 1, 'GET /me', (i, t) => i.get('/me', t.access_token)],
  [2, 2, 'POST /logout', (i, t) => i.post('/logout', t.access_token)],
  [3, 3, 'POST /logout?scope=all', (i, t) => i.post('/logout?scope=all', t.access_token)],
  [2, 2, 'GET /sessions', (i, t) => i.get('/sessions', t.access_token)],
  [2, 2, 'DELETE /sessions/x', (i, t) => send(i, 'DELETE', '/sessions/x', t.access_token, {})],
  [
    10,
    4,
    'PUT /me/password',
    (i, t) =>
      send(i, 'PUT', '/me/password', t.access_token, {
        current_password: COSMO.password,
        new_password: 'a dog in a rocket, barking',
      }),
  ],
])(
  'D1 runs %i statements in %i round trips for %s (D1 allows 50 queries per request)',
  async (statements, roundTrips, _, request) => {
    const tokens = await startSession()
    const isolate = createIsolate({ SIGNUP: 'open' })
    const prepare = vi.spyOn(env.DB, 'prepare')
    await request(isolate, tokens)
    expect(prepare).toHaveBeenCalledTimes(statements)
    expect(isolate.statements).toBe(roundTrips)
  },
)
