import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { listUsers } from '../../src/db/users.ts'
import {
  COSMO,
  type Tokens,
  addUser,
  logged,
  postJson,
  readSegment,
  startSession,
} from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const ADA = { username: 'ada', password: 'analytical engine' }
const open = createIsolate({ SIGNUP: 'open' })

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => vi.useRealTimers())

const signUp = (body: unknown, address = '192.0.2.1', isolate = open) =>
  isolate.fetch('/signup', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': address },
    body: JSON.stringify(body),
  })
const listUsernames = async () =>
  (await listUsers(env.DB, { limit: 50 })).users.map(({ username }) => username)

describe('POST /signup while SIGNUP is closed (the default)', () => {
  it('POST /signup returns the usual 404 for every body and adds nobody while SIGNUP is closed', async () => {
    for (const body of [ADA, {}, 'x']) {
      const response = await postJson('/signup', body)
      expect(response.status).toBe(404)
      expect(await response.text()).toBe('{"error":"Not found"}')
    }
    expect(await listUsernames()).toEqual([])
    expect(logged).toEqual([])
  })

  it('a SIGNUP setting that is neither open nor closed returns 503 and adds nobody', async () => {
    expect((await signUp(ADA, '', createIsolate({ SIGNUP: 'yes' }))).status).toBe(503)
    expect(await listUsernames()).toEqual([])
  })
})

describe('POST /signup while SIGNUP is open', () => {
  it('a signup adds a user without roles and returns tokens like a login', async () => {
    const response = await signUp(ADA)
    expect(response.status).toBe(201)
    const tokens = await response.json<Tokens>()
    expect(Object.keys(tokens)).toEqual(Object.keys(await startSession(ADA)))
    expect(readSegment(tokens.access_token, 1)).toMatchObject({ sub: 'ada', roles: [] })
    expect((await open.get('/protected', tokens.access_token)).status).toBe(200)
    expect((await open.post('/refresh', tokens.refresh_token)).status).toBe(200)
    expect(JSON.parse(logged[0] ?? '')).toMatchObject({
      event: 'user.signed_up',
      username: 'ada',
      session: expect.any(String),
    })
  })

  it('a signup with "cookie": true returns the refresh token in a cookie', async () => {
    const response = await signUp({ ...ADA, cookie: true })
    expect(response.headers.get('Set-Cookie')).toMatch(/^__Host-latchkey_refresh=eyJ/)
    expect(await response.json()).not.toHaveProperty('refresh_token')
  })

  it('a signup that asks for a role returns 400 and adds nobody', async () => {
    const response = await signUp({ ...ADA, roles: ['admin'] })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: { roles: ['Unknown field.'] } })
    expect(await listUsernames()).toEqual([])
  })

  it.each<[title: string, change: object, error: object]>([
    ['a short password', { password: 'short' }, { password: ['Shorter than minimum length 15.'] }],
    [
      'a common password',
      { password: '1qaz2wsx3edc4rfv' },
      { password: ['Is a common password.'] },
    ],
    [
      'a username with a leading space',
      { username: ' ada' },
      { username: ['Begins or ends with whitespace.'] },
    ],
    ['no username', { username: undefined }, { username: ['Missing data for required field.'] }],
  ])('a signup with %s returns 400 and adds nobody', async (_, change, error) => {
    const response = await signUp({ ...ADA, ...change })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error })
    expect(await listUsernames()).toEqual([])
  })

  it.each(['cosmo', 'COSMO'])(
    'a signup as %s, which is taken, returns 409 and does not change the existing user',
    async (username) => {
      await addUser()
      const response = await signUp({ ...ADA, username })
      expect(response.status).toBe(409)
      expect(await response.json()).toEqual({ error: { username: ['Is taken already.'] } })
      expect(await listUsernames()).toEqual(['cosmo'])
      expect(await startSession()).toHaveProperty('access_token')
    },
  )

  it('50 concurrent signups with one username create one user, and only one returns 201', async () => {
    const responses = await Promise.all(
      Array.from({ length: 50 }, (_, n) => signUp(ADA, `192.0.2.${n}`)),
    )
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([201, 409, 503]))
    expect(await listUsernames()).toEqual(['ada'])
  })

  it('an address is locked out after ten signups, other addresses are not, and invalid input does not count (ASVS 2.4.1)', async () => {
    const signUpAs = (n: number, address?: string) =>
      signUp({ ...ADA, username: `user${n}` }, address)
    for (let n = 0; n < 10; n += 1) {
      expect((await signUp({ ...ADA, password: 'short' })).status).toBe(400)
      expect((await signUpAs(n)).status).toBe(201)
    }
    const lockedOut = await signUpAs(10)
    expect(lockedOut.status).toBe(429)
    expect(lockedOut.headers.get('Retry-After')).toBe('60')
    expect((await signUpAs(11, '192.0.2.2')).status).toBe(201)
    expect(await listUsernames()).toHaveLength(11)
    vi.setSystemTime(Date.now() + 61_000)
    expect((await signUpAs(12)).status).toBe(201)
  })

  it('signups do not count towards the login limit', async () => {
    await addUser()
    for (let n = 0; n < 10; n += 1) await signUp({ ...ADA, username: `user${n}` })
    const body = JSON.stringify(COSMO)
    const headers = { 'Content-Type': 'application/json', 'CF-Connecting-IP': '192.0.2.1' }
    expect((await open.fetch('/login', { method: 'POST', headers, body })).status).toBe(200)
  })
})
