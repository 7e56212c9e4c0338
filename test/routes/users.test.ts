import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { app } from '../../src/app.ts'
import { changeUser } from '../../src/db/user-changes.ts'
import { listUsers } from '../../src/db/users.ts'
import { listEndpoints } from '../audit.ts'
import { COSMO, addUser, logged, readSegment, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

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

const ask = (method: string, path: string, body?: unknown, bearer = token) =>
  isolate.fetch(path, {
    method,
    headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
const show = async (response: Response | Promise<Response>) => {
  const { status } = await response
  return [status, await (await response).json()]
}
const stored = async (prefix: string) => (await listUsers(env.DB, { limit: 9, prefix })).users
const events = () => logged.map((line) => JSON.parse(line))

/** Each with a body that would do. */
const ROUTES: [method: string, path: string, body?: object][] = [
  ['GET', '/users'],
  ['POST', '/users', EVE],
  ['GET', '/users/cosmo'],
  ['PATCH', '/users/cosmo', { roles: ['admin'] }],
  ['DELETE', '/users/cosmo'],
  ['GET', '/users/cosmo/sessions'],
  ['DELETE', '/users/cosmo/sessions'],
]
const everything = async () =>
  (
    await env.DB.batch(
      ['users', 'sessions'].map((table) => env.DB.prepare(`SELECT * FROM ${table}`)),
    )
  ).map(({ results }) => results)

describe('nobody but an admin who has logged in lately gets in, and nothing changes:', () => {
  it('the table below has every route under /users', () => {
    const own = listEndpoints(app).filter(({ name }) => name.includes(' /users'))
    const names = ROUTES.map(([method, path]) => `${method} ${path.replace('cosmo', ':username')}`)
    expect(own.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
  })

  it.each(ROUTES)(
    '%s %s without the role (ASVS 8.1.2, 8.2.1, 8.3.1)',
    async (...[method, path, body]) => {
      const { access_token: cosmos } = await startSession()
      const before = await everything()
      const response = await ask(method, path, body, cosmos)
      expect(await show(response)).toEqual([403, { msg: 'Role required' }])
      expect(response.headers.get('WWW-Authenticate')).toContain('error="insufficient_scope"')
      expect(await everything()).toEqual(before)
    },
  )

  it.each(ROUTES)(
    '%s %s with a login of 15 minutes ago (ASVS 7.5.1)',
    async (...[method, path, body]) => {
      const { refresh_token: old } = await startSession(ADMIN)
      vi.setSystemTime(Date.now() + 901_000)
      const renewed = await isolate.post('/refresh', old)
      const { access_token: stale } = await renewed.json<{ access_token: string }>()
      const before = await everything()
      const response = await ask(method, path, body, stale)
      expect(await show(response)).toEqual([401, { msg: 'Fresh token required' }])
      expect(response.headers.get('WWW-Authenticate')).toContain('max_age="900"')
      expect(await everything()).toEqual(before)
    },
  )
})

it('a demoted admin is refused at once, also where that is not known yet (ASVS 7.4.2)', async () => {
  const elsewhere = createIsolate()
  await addUser({ username: 'bob', password: 'analytical engine' }, ['admin'])
  const { access_token: bobs } = await startSession({ ...ADMIN, username: 'bob' })
  expect((await elsewhere.get('/users', bobs)).status).toBe(200)
  expect((await ask('PATCH', '/users/bob', { roles: [] })).status).toBe(200)
  expect((await elsewhere.get('/protected', bobs)).status).toBe(200)
  expect((await elsewhere.get('/users', bobs)).status).toBe(401)
})

it('a login that was under way while its user was demoted gives the roles that they have then', async () => {
  const { username, password } = ADMIN
  const slow = createIsolate()
  slow.beforeStatement = async (number) => {
    if (number === 2) await changeUser(env.DB, username, { roles: ['reader'] }, 1)
  }
  const headers = { 'Content-Type': 'application/json' }
  const body = JSON.stringify({ username, password })
  const response = await slow.fetch('/login', { method: 'POST', headers, body })
  const { access_token: late } = await response.json<{ access_token: string }>()
  expect(readSegment(late, 1).roles).toEqual(['reader'])
})

describe('GET /users', () => {
  it('lists users by name in exactly the documented fields, without their hashes (ASVS 15.3.1)', async () => {
    expect(await show(ask('GET', '/users'))).toEqual([
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

  it('gives everyone once over all pages, whatever their names hold', async () => {
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
      const page = await (await ask('GET', `/users?${query}`)).json<List>()
      seen.push(...page.users.map(({ username }) => username))
      next = page.next
    }
    expect(seen.toSorted()).toEqual(names.slice(0, -1).toSorted())
  })

  it.each(['%', '_', "' OR 1=1 --", 'x'])('takes %j as it stands', async (prefix) => {
    const query = new URLSearchParams({ prefix })
    expect(await show(ask('GET', `/users?${query}`))).toEqual([200, { users: [], next: null }])
  })

  it.each(['limit=0', 'limit=101', 'limit=x', `prefix=${'x'.repeat(129)}`, 'page=2'])(
    'with a query that is wrong is 400: %s',
    async (query) => expect((await ask('GET', `/users?${query}`)).status).toBe(400),
  )
})

type List = { users: { username: string }[]; next: string | null }

describe('POST /users', () => {
  it('adds a user who can log in, and says where they are', async () => {
    const response = await ask('POST', '/users', EVE)
    expect(response.headers.get('Location')).toBe('/users/eve')
    const entry = {
      username: 'eve',
      roles: ['editor'],
      created_at: expect.any(Number),
      disabled_at: null,
    }
    expect(await show(response)).toEqual([201, entry])
    expect(await show(ask('GET', '/users/eve'))).toEqual([200, entry])
    const { username, password } = EVE
    const tokens = await startSession({ username, password })
    expect(readSegment(tokens.access_token, 1)).toMatchObject({ sub: 'eve', roles: ['editor'] })
  })

  it('takes a name in NFC, and finds it however it is spelled in the path', async () => {
    const name = 'Zoe\u0308 / 100%'
    const response = await ask('POST', '/users', { ...EVE, username: name })
    const path = response.headers.get('Location') ?? ''
    expect(await show(ask('GET', path))).toMatchObject([200, { username: name.normalize('NFC') }])
    const spelled = `/users/${encodeURIComponent(name)}`
    expect(await show(ask('DELETE', spelled))).toEqual([200, { message: 'User removed' }])
  })

  it.each<[title: string, change: object, error: object]>([
    ['no username', { username: '' }, { username: ['Shorter than minimum length 1.'] }],
    ['a long one', { username: 'x'.repeat(65) }, { username: ['Longer than maximum length 64.'] }],
    [
      'a control character',
      { username: 'a\u0007b' },
      { username: ['Holds a control or invisible character.'] },
    ],
    [
      'white space around',
      { username: 'eve\u00A0' },
      { username: ['Begins or ends with white space.'] },
    ],
    ['half a character', { username: '\uD800' }, { username: ['Not a valid string.'] }],
    [
      'a name and a password that do not fit',
      { username: ' x', password: 'short' },
      {
        username: ['Begins or ends with white space.'],
        password: ['Shorter than minimum length 15.'],
      },
    ],
    [
      'a password with the name',
      { password: 'EVE and 1234567', username: 'eve and' },
      { password: ['Contains the username.'] },
    ],
    ['a common one', { password: '1qaz2wsx3edc4rfv' }, { password: ['Is a common password.'] }],
    ['roles that are no list', { roles: 'admin' }, { roles: ['Not a valid list.'] }],
    ['a role that is none', { roles: ['a', ''] }, { 'roles.1': ['Not a valid role.'] }],
    ['a role with a quote', { roles: ['"admin'] }, { 'roles.0': ['Not a valid role.'] }],
    ['a role of another type', { roles: [7] }, { 'roles.0': ['Not a valid string.'] }],
    [
      'too many roles',
      { roles: Array.from({ length: 51 }, (_, n) => `r${n}`) },
      { roles: ['Longer than maximum length 50.'] },
    ],
    ['a field too many', { disabled: true }, { disabled: ['Unknown field.'] }],
  ])('refuses %s with 400, and adds nobody', async (_, change, error) => {
    expect(await show(ask('POST', '/users', { ...EVE, ...change }))).toEqual([400, { error }])
    expect((await listUsers(env.DB, { limit: 9 })).users).toHaveLength(2)
  })

  it.each(['cosmo', 'Cosmo', 'COSMO'])(
    'refuses %s, who is there in some case, with 409',
    async (username) => {
      expect(await show(ask('POST', '/users', { ...EVE, username }))).toEqual([
        409,
        { error: { username: ['Is taken already.'] } },
      ])
      expect(await stored('cosmo')).toMatchObject([{ username: 'cosmo', roles: [] }])
    },
  )
})

describe('PATCH /users/:username', () => {
  it('changes roles, password and disabled in one step, ends the sessions at once, and leaves others (ASVS 7.4.2)', async () => {
    const { access_token: cosmos } = await startSession()
    const password = 'a dog in a rocket, barking'
    const change = { roles: ['editor'], password, disabled: true }
    expect(await show(ask('PATCH', '/users/cosmo', change))).toMatchObject([
      200,
      { username: 'cosmo', roles: ['editor'], disabled_at: expect.any(Number) },
    ])
    expect((await isolate.get('/protected', cosmos)).status).toBe(401)
    expect(await show(ask('PATCH', '/users/cosmo', { disabled: false }))).toMatchObject([
      200,
      { roles: ['editor'], disabled_at: null },
    ])
    expect(await startSession()).not.toHaveProperty('access_token')
    const tokens = await startSession({ ...COSMO, password })
    expect(readSegment(tokens.access_token, 1)).toMatchObject({ roles: ['editor'] })
    expect((await ask('GET', '/users')).status).toBe(200)
  })

  it.each<[title: string, change: unknown, error: object]>([
    ['nothing', {}, { _schema: ['Nothing to change.'] }],
    ['no object', [], { _schema: ['Invalid input type.'] }],
    ['null', { disabled: null }, { disabled: ['Field may not be null.'] }],
    ['another type', { disabled: 'yes' }, { disabled: ['Not a valid boolean.'] }],
    ['a short password', { password: 'short' }, { password: ['Shorter than minimum length 15.'] }],
    ['another name', { username: 'x', disabled: true }, { username: ['Unknown field.'] }],
  ])('refuses %s with 400, and changes nothing', async (_, change, error) => {
    const before = await everything()
    expect(await show(ask('PATCH', '/users/cosmo', change))).toEqual([400, { error }])
    expect(await everything()).toEqual(before)
  })
})

describe('the last admin', () => {
  it.each<[title: string, method: string, change?: object]>([
    ['demote', 'PATCH', { roles: ['editor'] }],
    ['disable', 'PATCH', { disabled: true }],
    ['remove', 'DELETE'],
  ])('cannot %s themselves; once there is another, they can', async (_, method, change) => {
    const before = await everything()
    expect(await show(ask(method, '/users/ada', change))).toEqual([
      409,
      { error: 'The last admin must remain' },
    ])
    expect(await everything()).toEqual(before)
    await ask('PATCH', '/users/cosmo', { roles: ['admin'] })
    expect((await ask(method, '/users/ada', change)).status).toBe(200)
    expect((await ask('GET', '/users')).status).toBe(401)
  })

  it('may change their own password and other roles', async () => {
    const change = { roles: ['admin', 'editor'], password: 'a dog in a rocket, barking' }
    expect((await ask('PATCH', '/users/ada', change)).status).toBe(200)
  })
})

describe('/users/:username/sessions', () => {
  it("shows a user's sessions, and ends them all and no others (ASVS 7.4.5)", async () => {
    const [one, two] = [await startSession(), await startSession()]
    const { sessions } = await (
      await ask('GET', '/users/cosmo/sessions')
    ).json<{
      sessions: { id: string; current: boolean }[]
    }>()
    const ids = [one, two].map((tokens) => readSegment(tokens.access_token, 1).sid)
    expect(sessions.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    expect(sessions.some(({ current }) => current)).toBe(false)
    expect(await show(ask('GET', '/users/ada/sessions'))).toMatchObject([
      200,
      { sessions: [{ current: true }] },
    ])
    expect(await show(ask('DELETE', '/users/cosmo/sessions'))).toEqual([
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
] as const)('%s %s, who is no user, is 404', async (method, path, body?: object) => {
  expect(await show(ask(method, path, body))).toEqual([404, { error: 'Not found' }])
})

it('each change is logged once, with who did what to whom, and no password (ASVS 16.2.1, 16.3.2)', async () => {
  await ask('POST', '/users', EVE)
  await ask('PATCH', '/users/eve', { password: 'a dog in a rocket, barking', roles: [] })
  await ask('DELETE', '/users/eve/sessions')
  await ask('DELETE', '/users/eve')
  await ask('GET', '/users')
  const by = { level: 'info', username: 'ada', target: 'eve' }
  expect(events()).toEqual([
    expect.objectContaining({ ...by, event: 'user.added', route: '/users' }),
    expect.objectContaining({ ...by, event: 'user.changed', reason: 'password, roles' }),
    expect.objectContaining({ ...by, event: 'session.revoked', reason: 'by an admin' }),
    expect.objectContaining({ ...by, event: 'user.removed', route: '/users/:username' }),
  ])
  expect(logged.join()).not.toMatch(/rocket|battery/)
})
