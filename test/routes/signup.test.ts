import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { TokenAnswer } from '../../src/auth/tokens/issue.ts'
import { listUsers } from '../../src/db/users.ts'
import { COSMO, addUser, logged, postJson, readSegment, startSession } from '../helpers.ts'
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
const names = async () =>
  (await listUsers(env.DB, { limit: 50 })).users.map(({ username }) => username)

describe('POST /signup while SIGNUP is closed, as it is by default,', () => {
  it('is 404 like any other path, whatever is sent, and adds nobody', async () => {
    for (const body of [ADA, {}, 'x']) {
      const response = await postJson('/signup', body)
      expect(response.status).toBe(404)
      expect(await response.text()).toBe('{"error":"Not found"}')
    }
    expect(await names()).toEqual([])
    expect(logged).toEqual([])
  })

  it('leaves it to no other word: a setting that is neither is a 503', async () => {
    expect((await signUp(ADA, '', createIsolate({ SIGNUP: 'yes' }))).status).toBe(503)
    expect(await names()).toEqual([])
  })
})

describe('POST /signup while SIGNUP is open', () => {
  it('adds a user without roles, and logs them in as a login does', async () => {
    const response = await signUp(ADA)
    expect(response.status).toBe(201)
    const tokens = await response.json<TokenAnswer>()
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

  it('puts the refresh token into a cookie when asked to', async () => {
    const response = await signUp({ ...ADA, cookie: true })
    expect(response.headers.get('Set-Cookie')).toMatch(/^__Host-latchkey_refresh=eyJ/)
    expect(await response.json()).not.toHaveProperty('refresh_token')
  })

  it('gives nobody a role that they ask for', async () => {
    const response = await signUp({ ...ADA, roles: ['admin'] })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: { roles: ['Unknown field.'] } })
    expect(await names()).toEqual([])
  })

  it.each<[title: string, change: object, error: object]>([
    ['a short password', { password: 'short' }, { password: ['Shorter than minimum length 15.'] }],
    ['a common one', { password: '1qaz2wsx3edc4rfv' }, { password: ['Is a common password.'] }],
    [
      'a name with a space',
      { username: ' ada' },
      { username: ['Begins or ends with white space.'] },
    ],
    ['no name', { username: undefined }, { username: ['Missing data for required field.'] }],
  ])('refuses %s with 400, and adds nobody', async (_, change, error) => {
    const response = await signUp({ ...ADA, ...change })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error })
    expect(await names()).toEqual([])
  })

  it.each(['cosmo', 'COSMO'])(
    'tells that %s is taken, and changes nothing of theirs',
    async (username) => {
      await addUser()
      const response = await signUp({ ...ADA, username })
      expect(response.status).toBe(409)
      expect(await response.json()).toEqual({ error: { username: ['Is taken already.'] } })
      expect(await names()).toEqual(['cosmo'])
      expect(await startSession()).toHaveProperty('access_token')
    },
  )

  it('50 at once under one name make one user, and one answer of 201', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => signUp(ADA, `192.0.2.${n}`)),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409, 503]))
    expect(await names()).toEqual(['ada'])
  })

  it('lets an address make ten, then pauses it, and no other; unfit input does not count (ASVS 2.4.1)', async () => {
    const make = (n: number, address?: string) => signUp({ ...ADA, username: `user${n}` }, address)
    for (let n = 0; n < 10; n += 1) {
      expect((await signUp({ ...ADA, password: 'short' })).status).toBe(400)
      expect((await make(n)).status).toBe(201)
    }
    const paused = await make(10)
    expect(paused.status).toBe(429)
    expect(paused.headers.get('Retry-After')).toBe('60')
    expect((await make(11, '192.0.2.2')).status).toBe(201)
    expect(await names()).toHaveLength(11)
    vi.setSystemTime(Date.now() + 61_000)
    expect((await make(12)).status).toBe(201)
  })

  it('and log-ins do not count for each other', async () => {
    await addUser()
    for (let n = 0; n < 10; n += 1) await signUp({ ...ADA, username: `user${n}` })
    const body = JSON.stringify(COSMO)
    const headers = { 'Content-Type': 'application/json', 'CF-Connecting-IP': '192.0.2.1' }
    expect((await open.fetch('/login', { method: 'POST', headers, body })).status).toBe(200)
  })
})
