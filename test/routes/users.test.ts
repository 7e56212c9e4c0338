import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { app } from '../../src/app.ts'
import { changeUser } from '../../src/db/user-changes.ts'
import { listUsers } from '../../src/db/users.ts'
import { listEndpoints } from '../audit.ts'
import { COSMO, addUser, logged, readSegment, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'
import { ADMIN_ROUTES } from './admin-routes.ts'

const ADMIN = { username: 'ada', password: 'analytical engine' }
const EVE = { username: 'eve', password: 'correct horse battery', roles: ['editor'] }
const isolate = createIsolate()
let token = ''

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  await addUser(ADMIN, ['admin'])
  token = (await startSession(ADMIN)).access_token
  logged.length = 0
})
afterEach(() => vi.useRealTimers())

const request = (method: string, path: string, body?: unknown, bearer = token) =>
  isolate.fetch(path, {
    method,
    headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
const readResponse = async (response: Response | Promise<Response>) => {
  const { status } = await response
  return [status, await (await response).json()]
}
const listByPrefix = async (prefix: string) => (await listUsers(env.DB, { limit: 9, prefix })).users
const readEvents = () => logged.map((line) => JSON.parse(line))

const readTables = async () =>
  (
    await env.DB.batch(
      ['users', 'sessions', 'codes'].map((table) => env.DB.prepare(`SELECT * FROM ${table}`)),
    )
  ).map(({ results }) => results)

describe('access to the admin routes', () => {
  it('the table of admin routes lists every route under /users, and the events of all', () => {
    const registered = listEndpoints(app).filter(({ name }) => / \/(users|events)/.test(name))
    const names = ADMIN_ROUTES.map(
      ([method, path]) => `${method} ${path.replace('cosmo', ':username')}`,
    )
    expect(registered.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
  })

  it.each(ADMIN_ROUTES)(
    '%s %s without the admin role returns 403 and changes nothing (ASVS 8.1.2, 8.2.1, 8.3.1)',
    async (...[method, path, body]) => {
      const { access_token: tokenOfCosmo } = await startSession()
      const before = await readTables()
      const response = await request(method, path, body, tokenOfCosmo)
      expect(await readResponse(response)).toEqual([403, { msg: 'Role required' }])
      expect(response.headers.get('WWW-Authenticate')).toContain('error="insufficient_scope"')
      expect(await readTables()).toEqual(before)
    },
  )

  it.each(ADMIN_ROUTES)(
    '%s %s more than 15 minutes after the login returns 401 and changes nothing (ASVS 7.5.1)',
    async (...[method, path, body]) => {
      const { refresh_token: old } = await startSession(ADMIN)
      vi.setSystemTime(Date.now() + 901_000)
      const renewed = await isolate.post('/refresh', old)
      const { access_token: stale } = await renewed.json<{ access_token: string }>()
      const before = await readTables()
      const response = await request(method, path, body, stale)
      expect(await readResponse(response)).toEqual([401, { msg: 'Fresh token required' }])
      expect(response.headers.get('WWW-Authenticate')).toContain('max_age="900"')
      expect(await readTables()).toEqual(before)
    },
  )
})

it('a demoted admin is rejected immediately, even in an isolate that still caches the session as active (ASVS 7.4.2)', async () => {
  const elsewhere = createIsolate()
  await addUser({ username: 'bob', password: 'analytical engine' }, ['admin'])
  const { access_token: tokenOfBob } = await startSession({ ...ADMIN, username: 'bob' })
  expect((await elsewhere.get('/users', tokenOfBob)).status).toBe(200)
  expect((await elsewhere.get('/protected', tokenOfBob)).status).toBe(200) // reads the list
  expect((await request('PATCH', '/users/bob', { roles: [] })).status).toBe(200)
  expect((await elsewhere.get('/protected', tokenOfBob)).status).toBe(200)
  expect((await elsewhere.get('/users', tokenOfBob)).status).toBe(401)
})

it('a login during which the user is demoted issues a token with the new roles', async () => {
  const { username, password } = ADMIN
  const slow = createIsolate()
  slow.beforeStatement = async (number) => {
    const demotion = { username, change: { roles: ['reader'] } }
    if (number === 2) await changeUser(env.DB, demotion, 1)
  }
  const headers = { 'Content-Type': 'application/json' }
  const body = JSON.stringify({ username, password })
  const response = await slow.fetch('/login', { method: 'POST', headers, body })
  const { access_token: late } = await response.json<{ access_token: string }>()
  expect(readSegment(late, 1).roles).toEqual(['reader'])
})

describe('GET /users', () => {
  it('GET /users lists users by name with exactly the documented fields and without password hashes (ASVS 15.3.1)', async () => {
    expect(await readResponse(request('GET', '/users'))).toEqual([
      200,
      {
        users: [
          {
            username: 'ada',
            roles: ['admin'],
            created_at: expect.any(Number),
            disabled_at: null,
          },
          { username: 'cosmo', roles: [], created_at: expect.any(Number), disabled_at: null },
        ],
        next: null,
      },
    ])
  })

  it('GET /users returns every user exactly once over all pages, regardless of special characters in usernames', async () => {
    const names = ['Ab', 'aB c', 'ab%', 'ab_', 'ab&x=1', 'abß', 'ab🔑', 'xy']
    for (const username of names) await addUser({ username, password: 'x' })
    const seen: string[] = []
    let next: string | null = ''
    while (next !== null) {
      const query: string = new URLSearchParams({
        prefix: 'AB',
        limit: '2',
        after: next,
      }).toString()
      const page = await (await request('GET', `/users?${query}`)).json<List>()
      seen.push(...page.users.map(({ username }) => username))
      next = page.next
    }
    expect(seen.toSorted()).toEqual(names.slice(0, -1).toSorted())
  })

  it.each(['%', '_', "' OR 1=1 --", 'x'])(
    'GET /users matches the prefix %j literally',
    async (prefix) => {
      const query = new URLSearchParams({ prefix })
      expect(await readResponse(request('GET', `/users?${query}`))).toEqual([
        200,
        { users: [], next: null },
      ])
    },
  )

  it.each(['limit=0', 'limit=101', 'limit=x', `prefix=${'x'.repeat(129)}`, 'page=2'])(
    'GET /users with an invalid query returns 400: %s',
    async (query) => expect((await request('GET', `/users?${query}`)).status).toBe(400),
  )
})

type List = { users: { username: string }[]; next: string | null }

describe('POST /users', () => {
  it('POST /users adds a user who can log in, and returns a Location header', async () => {
    const response = await request('POST', '/users', EVE)
    expect(response.headers.get('Location')).toBe('/users/eve')
    const entry = {
      username: 'eve',
      roles: ['editor'],
      created_at: expect.any(Number),
      disabled_at: null,
    }
    expect(await readResponse(response)).toEqual([201, entry])
    expect(await readResponse(request('GET', '/users/eve'))).toEqual([200, entry])
    const { username, password } = EVE
    const tokens = await startSession({ username, password })
    expect(readSegment(tokens.access_token, 1)).toMatchObject({ sub: 'eve', roles: ['editor'] })
  })

  it('POST /users normalises the username to NFC, and a path finds the user in either form', async () => {
    const name = 'Zoe\u0308 / 100%'
    const response = await request('POST', '/users', { ...EVE, username: name })
    const path = response.headers.get('Location') ?? ''
    expect(await readResponse(request('GET', path))).toMatchObject([
      200,
      { username: name.normalize('NFC') },
    ])
    const decomposed = `/users/${encodeURIComponent(name)}`
    expect(await readResponse(request('DELETE', decomposed))).toEqual([
      200,
      { message: 'User removed' },
    ])
  })

  it.each<[title: string, change: object, error: object]>([
    ['an empty username', { username: '' }, { username: ['Shorter than minimum length 1.'] }],
    [
      'a username that is too long',
      { username: 'x'.repeat(65) },
      { username: ['Longer than maximum length 64.'] },
    ],
    [
      'a control character in the username',
      { username: 'a\u0007b' },
      { username: ['Contains a control or invisible character.'] },
    ],
    [
      'whitespace around the username',
      { username: 'eve\u00A0' },
      { username: ['Begins or ends with whitespace.'] },
    ],
    [
      'a lone surrogate in the username',
      { username: '\uD800' },
      { username: ['Not a valid string.'] },
    ],
    [
      'an invalid username and an invalid password',
      { username: ' x', password: 'short' },
      {
        username: ['Begins or ends with whitespace.'],
        password: ['Shorter than minimum length 15.'],
      },
    ],
    [
      'a password that contains the username',
      { password: 'EVE and 1234567', username: 'eve and' },
      { password: ['Contains the username.'] },
    ],
    [
      'a common password',
      { password: '1qaz2wsx3edc4rfv' },
      { password: ['Is a common password.'] },
    ],
    ['roles that are not a list', { roles: 'admin' }, { roles: ['Not a valid list.'] }],
    ['an empty role', { roles: ['a', ''] }, { 'roles.1': ['Not a valid role.'] }],
    ['a quote in a role', { roles: ['"admin'] }, { 'roles.0': ['Not a valid role.'] }],
    ['a number as a role', { roles: [7] }, { 'roles.0': ['Not a valid string.'] }],
    [
      'too many roles',
      { roles: Array.from({ length: 51 }, (_, n) => `r${n}`) },
      { roles: ['Longer than maximum length 50.'] },
    ],
    ['an unknown field', { disabled: true }, { disabled: ['Unknown field.'] }],
  ])('POST /users with %s returns 400 and adds nobody', async (_, change, error) => {
    expect(await readResponse(request('POST', '/users', { ...EVE, ...change }))).toEqual([
      400,
      { error },
    ])
    expect((await listUsers(env.DB, { limit: 9 })).users).toHaveLength(2)
  })

  it.each(['cosmo', 'Cosmo', 'COSMO'])(
    'POST /users rejects the username %s with 409, because usernames are unique regardless of case',
    async (username) => {
      expect(await readResponse(request('POST', '/users', { ...EVE, username }))).toEqual([
        409,
        { error: { username: ['Is taken already.'] } },
      ])
      expect(await listByPrefix('cosmo')).toMatchObject([{ username: 'cosmo', roles: [] }])
    },
  )
})

describe('PATCH /users/:username', () => {
  it('PATCH /users/:username changes roles, password and disabled in one step, and immediately ends only the sessions of that user (ASVS 7.4.2)', async () => {
    const { access_token: tokenOfCosmo } = await startSession()
    const password = 'a dog in a rocket, barking'
    const change = { roles: ['editor'], password, disabled: true }
    expect(await readResponse(request('PATCH', '/users/cosmo', change))).toMatchObject([
      200,
      { username: 'cosmo', roles: ['editor'], disabled_at: expect.any(Number) },
    ])
    expect((await isolate.get('/protected', tokenOfCosmo)).status).toBe(401)
    expect(await readResponse(request('PATCH', '/users/cosmo', { disabled: false }))).toMatchObject(
      [200, { roles: ['editor'], disabled_at: null }],
    )
    expect(await startSession()).not.toHaveProperty('access_token')
    const tokens = await startSession({ ...COSMO, password })
    expect(readSegment(tokens.access_token, 1)).toMatchObject({ roles: ['editor'] })
    expect((await request('GET', '/users')).status).toBe(200)
  })

  it.each<[title: string, change: unknown, error: object]>([
    ['an empty object', {}, { _schema: ['Nothing to change.'] }],
    ['a list instead of an object', [], { _schema: ['Invalid input type.'] }],
    ['a null', { disabled: null }, { disabled: ['Field may not be null.'] }],
    ['a value of the wrong type', { disabled: 'yes' }, { disabled: ['Not a valid boolean.'] }],
    ['a short password', { password: 'short' }, { password: ['Shorter than minimum length 15.'] }],
    ['a username', { username: 'x', disabled: true }, { username: ['Unknown field.'] }],
  ])('PATCH /users/:username with %s returns 400 and changes nothing', async (_, change, error) => {
    const before = await readTables()
    expect(await readResponse(request('PATCH', '/users/cosmo', change))).toEqual([400, { error }])
    expect(await readTables()).toEqual(before)
  })
})

describe('the last admin', () => {
  it.each<[title: string, method: string, change?: object]>([
    ['demote', 'PATCH', { roles: ['editor'] }],
    ['disable', 'PATCH', { disabled: true }],
    ['remove', 'DELETE'],
  ])(
    'the last admin cannot %s themselves until there is another admin',
    async (_, method, change) => {
      const before = await readTables()
      expect(await readResponse(request(method, '/users/ada', change))).toEqual([
        409,
        { error: 'The last admin must remain' },
      ])
      expect(await readTables()).toEqual(before)
      await request('PATCH', '/users/cosmo', { roles: ['admin'] })
      expect((await request(method, '/users/ada', change)).status).toBe(200)
      expect((await request('GET', '/users')).status).toBe(401)
    },
  )

  it('the last admin can change their other roles, but not their own password without the current one', async () => {
    const change = { roles: ['admin', 'editor'] }
    const password = 'a dog in a rocket, barking'
    expect((await request('PATCH', '/users/ada', { ...change, password })).status).toBe(400)
    expect((await request('PATCH', '/users/ada', change)).status).toBe(200)
  })
})

describe('/users/:username/sessions', () => {
  it("an admin can list a user's sessions and end all of them, but no others (ASVS 7.4.5)", async () => {
    const [one, two] = [await startSession(), await startSession()]
    const { sessions } = await (
      await request('GET', '/users/cosmo/sessions')
    ).json<{
      sessions: { id: string; current: boolean }[]
    }>()
    const ids = [one, two].map((tokens) => readSegment(tokens.access_token, 1).sid)
    expect(sessions.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    expect(sessions.some(({ current }) => current)).toBe(false)
    expect(await readResponse(request('GET', '/users/ada/sessions'))).toMatchObject([
      200,
      { sessions: [{ current: true }] },
    ])
    expect(await readResponse(request('DELETE', '/users/cosmo/sessions'))).toEqual([
      200,
      { message: 'Sessions ended' },
    ])
    for (const { access_token } of [one, two])
      expect((await isolate.get('/protected', access_token)).status).toBe(401)
    expect((await isolate.post('/refresh', one.refresh_token)).status).toBe(401)
    expect((await isolate.get('/protected', token)).status).toBe(200)
    expect(await startSession()).toHaveProperty('access_token')
  })
})

it.each([
  ['GET', '/users/ghost'],
  ['PATCH', '/users/ghost', { disabled: true }],
  ['DELETE', '/users/ghost'],
  ['GET', '/users/ghost/sessions'],
  ['DELETE', '/users/ghost/sessions'],
  ['GET', '/users/COSMO'],
] as const)(
  '%s %s returns 404 because there is no such user',
  async (method, path, body?: object) => {
    expect(await readResponse(request(method, path, body))).toEqual([404, { error: 'Not found' }])
  },
)

it('every change is logged once with the admin, the action and the target, but without a password (ASVS 16.2.1, 16.3.2)', async () => {
  await request('POST', '/users', EVE)
  await request('PATCH', '/users/eve', { password: 'a dog in a rocket, barking', roles: [] })
  await request('DELETE', '/users/eve/sessions')
  await request('DELETE', '/users/eve')
  await request('GET', '/users')
  const by = { level: 'info', username: 'ada', target: 'eve' }
  expect(readEvents()).toEqual([
    expect.objectContaining({ ...by, event: 'user.added', route: '/users' }),
    expect.objectContaining({ ...by, event: 'password.set', route: '/users/:username' }),
    expect.objectContaining({ ...by, event: 'roles.changed', route: '/users/:username' }),
    expect.objectContaining({ ...by, event: 'session.revoked', reason: 'by an admin' }),
    expect.objectContaining({ ...by, event: 'user.removed', route: '/users/:username' }),
  ])
  expect(logged.join()).not.toMatch(/rocket|battery/)
})
