import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { COSMO, addUser, logged, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

type Isolate = ReturnType<typeof createIsolate>
type Tokens = Awaited<ReturnType<typeof startSession>>

beforeEach(async () => {
  await addUser(COSMO, ['admin'])
  await addUser({ username: 'eve', password: 'x' })
})

const sendJson = (isolate: Isolate, path: string, body: object, headers = {}) =>
  isolate.fetch(path, {
    method: path === '/login' ? 'POST' : 'PUT',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

const patchUser = (isolate: Isolate, tokens: Tokens, body: object) =>
  isolate.fetch('/users/eve', {
    method: 'PATCH',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${tokens.access_token}`,
    },
    body: JSON.stringify(body),
  })

/** Requests that cover every use of the database. Each runs in a new session and a new isolate. */
const REQUESTS: [title: string, send: (isolate: Isolate, tokens: Tokens) => Promise<Response>][] = [
  ['a login', (isolate) => sendJson(isolate, '/login', COSMO)],
  ['a refresh', (isolate, tokens) => isolate.post('/refresh', tokens.refresh_token)],
  ['a logout', (isolate, tokens) => isolate.post('/logout', tokens.access_token)],
  ['a guarded request', (isolate, tokens) => isolate.get('/protected', tokens.access_token)],
  ['the list of sessions', (isolate, tokens) => isolate.get('/sessions', tokens.access_token)],
  ['the list of users', (isolate, tokens) => isolate.get('/users', tokens.access_token)],
  ['a change of a user', (isolate, tokens) => patchUser(isolate, tokens, { roles: [] })],
  [
    'a change of password',
    (isolate, tokens) =>
      sendJson(
        isolate,
        '/me/password',
        { current_password: COSMO.password, new_password: 'a dog in a rocket, barking' },
        { Authorization: `Bearer ${tokens.access_token}` },
      ),
  ],
]

async function expectUnavailable(response: Response): Promise<void> {
  expect(response.status).toBe(503)
  expect(response.headers.get('Retry-After')).toBe('5')
  expect(await response.text()).toBe('{"error":"Service unavailable"}')
}

it('a request fails with 503 after five seconds if the database does not respond, and the next one works (ASVS 16.5.2)', async () => {
  const retries = REQUESTS.map(async ([, send]) => {
    const tokens = await startSession()
    const isolate = createIsolate()
    isolate.fault = { at: 1, when: 'never' }
    await expectUnavailable(await send(isolate, tokens))
    return () => send(isolate, tokens)
  })
  for (const retry of await Promise.all(retries)) expect((await retry()).ok).toBe(true)
}, 20_000)

describe('a missing migration causes a 503, and the log names the command that fixes it:', () => {
  it.each(REQUESTS)('%s', async (title, send) => {
    const tokens = await startSession()
    const isolate = createIsolate()
    const table = /login|password/.test(title) ? 'login_failures' : 'sessions'
    await env.DB.prepare(`ALTER TABLE ${table} RENAME TO elsewhere`).run()
    const response = await send(isolate, tokens)
    await env.DB.prepare(`ALTER TABLE elsewhere RENAME TO ${table}`).run()
    await expectUnavailable(response)
    expect(logged.at(-1)).toContain("run 'npm run db:migrate'")
    expect((await send(isolate, tokens)).ok).toBe(true)
  })
})
