import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { argon2id } from '../../src/auth/passwords/argon2.ts'
import { cleanUp } from '../../src/auth/sessions/clean-up.ts'
import { openIsolate } from '../../src/isolate.ts'
import { hashCheaply } from '../model/deployment.ts'
import { COSMO, addUser, logged, now, postJson, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const ADA = { username: 'ada', password: 'analytical engine' }
const NEXT = 'a dog in a rocket, barking'

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  await addUser(ADA)
})
afterEach(() => vi.useRealTimers())

const advance = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

/** Adds sessions of cosmo, as logins that many seconds ago have started them. */
const addLogins = (count: number, secondsAgo = 0, revokedAt: number | null = null) =>
  env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
     INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, revoked_at,
       user_agent, country)
     SELECT 'login-' || ?2 || '-' || i, (SELECT id FROM users WHERE username = 'cosmo'), ?2, ?2,
       9000000000, ?3, '', '' FROM n`,
  )
    .bind(count, now() - secondsAgo, revokedAt)
    .run()

const countSessions = async () =>
  (await env.DB.prepare('SELECT count(*) AS n FROM sessions').first<{ n: number }>())?.n

describe('a user who has logged in 100 times in 15 minutes', () => {
  it('is rejected with 429, and nothing is written, until the oldest of these logins is 15 minutes ago', async () => {
    await addLogins(99, 100)
    expect((await postJson('/login', COSMO)).status).toBe(200)
    const response = await postJson('/login', COSMO)
    expect(response.status).toBe(429)
    expect(response.headers.get('X-Error-Code')).toBe('too_many_attempts')
    expect(response.headers.get('Retry-After')).toBe('800')
    expect(logged.at(-1)).toContain('too many logins')
    expect(await countSessions()).toBe(100)
    advance(799)
    expect((await postJson('/login', COSMO)).status).toBe(429)
    advance(1)
    expect((await postJson('/login', COSMO)).status).toBe(200)
  })

  it('gets the same response to a wrong password, after no hash, so that it reveals nothing', async () => {
    await addLogins(100)
    const hash = vi.spyOn(WebAssembly, 'Instance')
    const responses = [
      await postJson('/login', COSMO),
      await postJson('/login', { ...COSMO, password: 'wrong' }),
    ]
    expect(responses.map(({ status }) => status)).toEqual([429, 429])
    expect(await responses[0]?.text()).toBe(await responses[1]?.text())
    expect(hash).not.toHaveBeenCalled()
  })

  it('cannot change the password in this time either, since that starts a session', async () => {
    const { access_token: token } = await startSession()
    await addLogins(99)
    const response = await createIsolate().fetch('/me/password', {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify({ current_password: COSMO.password, new_password: NEXT }),
    })
    expect(response.status).toBe(429)
    expect(await countSessions()).toBe(100)
  })

  it('does not keep another user from logging in', async () => {
    await addLogins(100)
    expect((await postJson('/login', ADA)).status).toBe(200)
  })
})

it('a password change that has begun before the hundredth login is completed after it', async () => {
  const { access_token: token } = await startSession()
  const isolate = createIsolate()
  isolate.beforeStatement = async (number) => {
    if (number === 4) await addLogins(99)
  }
  const response = await isolate.fetch('/me/password', {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify({ current_password: COSMO.password, new_password: NEXT }),
  })
  expect(isolate.statements).toBe(4)
  expect(response.status).toBe(200)
  expect((await postJson('/login', { ...COSMO, password: NEXT })).status).toBe(429)
})

it('logins whose sessions have been revoked count as well, also after the clean-up', async () => {
  const isolate = createIsolate({ ACCESS_TOKEN_SECONDS: '60' })
  await addLogins(100, 600, now() - 590)
  await cleanUp(openIsolate(isolate.env, argon2id), now())
  expect((await postJson('/login', COSMO)).status).toBe(429)
})

it('of 30 concurrent logins in several isolates exactly as many succeed as are left, the others are 429', async () => {
  const hash = hashCheaply(COSMO.password)
  await env.DB.prepare(`UPDATE users SET password_hash = ?1`).bind(hash).run()
  expect((await postJson('/login', COSMO)).status).toBe(200) // rehashes
  await addLogins(94)
  const attempts = Array.from({ length: 30 }, () =>
    createIsolate().fetch('/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'User-Agent': 'x' },
      body: JSON.stringify(COSMO),
    }),
  )
  const statuses = (await Promise.all(attempts)).map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(5)
  expect(new Set(statuses)).toEqual(new Set([200, 429, 503]))
  expect(await countSessions()).toBe(100)
})
