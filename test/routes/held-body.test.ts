import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { markEveryoneRevoked } from '../../src/db/everyone.ts'
import { changeUser, deleteUser } from '../../src/db/user-changes.ts'
import { findUser, listUsers } from '../../src/db/users.ts'
import { COSMO, addUser, login, now } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const ADMIN = { username: 'root', password: 'the root of the tree' }
const OTHER = { username: 'other', password: 'another root of the tree' }

beforeEach(async () => {
  await addUser()
  await addUser(ADMIN, ['admin'])
  await addUser(OTHER, ['admin'])
})

/** Sends a request whose body arrives only after `meanwhile`. */
async function sendLate(
  [method, path]: [method: string, path: string],
  body: object,
  meanwhile: (token: string) => Promise<unknown>,
): Promise<Response> {
  const token = await login(ADMIN)
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const started = writer.write(bytes.subarray(0, 1))
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  const response = createIsolate().fetch(path, { method, headers, body: readable })
  await started
  await new Promise((resolve) => setTimeout(resolve, 50)) // the guard has passed the request
  await meanwhile(token)
  await writer.write(bytes.subarray(1))
  await writer.close()
  return response
}

const target = { username: ADMIN.username }
const LOSSES: [loss: string, lose: (token: string) => Promise<unknown>][] = [
  ['demoted', () => changeUser(env.DB, { ...target, change: { roles: [] } }, now())],
  ['disabled', () => changeUser(env.DB, { ...target, change: { disabled: true } }, now())],
  ['removed', () => deleteUser(env.DB, target, now())],
  ['logged out', (token) => createIsolate().post('/logout', token)],
  ['logged out with everyone', () => markEveryoneRevoked(env.DB)],
]

describe.each(LOSSES)('an admin who is %s while the body of a request arrives', (_, lose) => {
  it('creates no user and gets 401', async () => {
    const eve = { username: 'eve', password: 'the mother of us all', roles: ['admin'] }
    const response = await sendLate(['POST', '/users'], eve, lose)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Token has been revoked"}')
    expect(await findUser(env.DB, 'eve')).toBeUndefined()
  })

  it('changes no user and gets 401', async () => {
    const response = await sendLate(['PATCH', '/users/cosmo'], { roles: ['admin'] }, lose)
    expect(response.status).toBe(401)
    expect((await findUser(env.DB, 'cosmo'))?.roles).toEqual([])
  })
})

const elsewhere = async (method: string, path: string) => {
  const headers = { Authorization: `Bearer ${await login(ADMIN)}` }
  expect((await createIsolate().fetch(path, { method, headers })).status).toBe(200)
}

describe.each<(typeof LOSSES)[number]>([
  ...LOSSES,
  ['logged out by another of their sessions', () => elsewhere('POST', '/logout?scope=others')],
  ['logged out by themselves as an admin', () => elsewhere('DELETE', '/users/root/sessions')],
  ['logged out by their own session', (token) => createIsolate().post('/logout?scope=all', token)],
])('an admin who is %s in the same second', (_, lose) => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => vi.useRealTimers())

  it('does not change their own account with a late body, and gets 401', async () => {
    const response = await sendLate(['PATCH', '/users/root'], { roles: ['admin', 'new'] }, lose)
    expect(response.status).toBe(401)
    expect((await findUser(env.DB, 'root'))?.roles ?? []).not.toContain('new')
  })
})

it('a change leaves no session marked as acting, whether it is made or refused', async () => {
  const token = await login(ADMIN)
  const isolate = createIsolate()
  const send = (path: string, method: string, body: object) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    return isolate.fetch(path, { method, headers, body: JSON.stringify(body) })
  }
  expect((await send('/users/cosmo', 'PATCH', { disabled: true })).status).toBe(200)
  expect((await send('/users/nobody', 'PATCH', { disabled: true })).status).toBe(404)
  expect(
    (await send('/users', 'POST', { ...COSMO, password: 'the mother of us all' })).status,
  ).toBe(409)
  expect(await env.DB.prepare('SELECT sum(is_acting) AS n FROM sessions').first('n')).toBe(0)
})

it('an admin whose authority is intact creates a user with a late body', async () => {
  const eve = { username: 'eve', password: 'the mother of us all' }
  const response = await sendLate(['POST', '/users'], eve, async () => {})
  expect(response.status).toBe(201)
  expect((await listUsers(env.DB, { limit: 9, prefix: 'eve' })).users).toHaveLength(1)
})

it.each([
  ['demotes', 'PATCH', { roles: [] }, []],
  ['disables', 'PATCH', { disabled: true }, ['admin']],
  ['removes', 'DELETE', undefined, []],
])('an admin who %s themselves is logged out', async (_, method, body, roles) => {
  const token = await login(ADMIN)
  const isolate = createIsolate()
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  const init = body ? { method, headers, body: JSON.stringify(body) } : { method, headers }
  expect((await isolate.fetch('/users/root', init)).status).toBe(200)
  expect((await isolate.get('/protected', token)).status).toBe(401)
  expect((await findUser(env.DB, 'root'))?.roles ?? []).toEqual(roles)
})

describe('a body that does not arrive in 10 seconds gets 408', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => vi.useRealTimers())

  it.each([
    ['/login', undefined],
    ['/signup', 'open'],
  ])('on %s', async (path, SIGNUP) => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    void writer.write(new TextEncoder().encode('{"username":')).catch(() => {})
    const headers = { 'Content-Type': 'application/json' }
    const isolate = createIsolate(SIGNUP ? { SIGNUP } : {})
    const response = isolate.fetch(path, { method: 'POST', headers, body: readable })
    await vi.advanceTimersByTimeAsync(10_001)
    expect((await response).status).toBe(408)
    expect(await (await response).text()).toBe('{"error":"Request body took too long"}')
    expect(await findUser(env.DB, COSMO.username)).toBeDefined()
  })
})
