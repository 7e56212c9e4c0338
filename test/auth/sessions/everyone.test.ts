import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { cleanUp } from '../../../src/auth/sessions/clean-up.ts'
import { markEveryoneRevoked } from '../../../src/db/everyone.ts'
import { listRevoked } from '../../../src/db/session-revocation.ts'
import { rotateSession } from '../../../src/db/sessions.ts'
import { addUser, isolate as workerIsolate, now, readSegment, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const ADA = { username: 'ada', password: 'analytical engine' }

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  await addUser(ADA)
})
afterEach(() => vi.useRealTimers())

const advance = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

it('revoking all sessions takes effect in every isolate within REVOCATION_SECONDS, and later logins are not affected (ASVS 7.4.5)', async () => {
  const isolate = createIsolate()
  const sessions = [await startSession(), await startSession(ADA)]
  for (const { access_token: token } of sessions)
    expect((await isolate.get('/protected', token)).status).toBe(200)
  expect(await markEveryoneRevoked(env.DB)).toBe(2)
  advance(6)
  for (const { access_token: token, refresh_token: refresh } of sessions) {
    expect(await (await isolate.get('/protected', token)).text()).toContain('revoked')
    expect((await isolate.post('/refresh', refresh)).status).toBe(401)
  }
  const later = await startSession()
  expect((await isolate.get('/protected', later.access_token)).status).toBe(200)
  expect((await isolate.post('/refresh', later.refresh_token)).status).toBe(200)
})

it('a concurrent refresh with a clock that is behind does not restore a revoked session', async () => {
  const { access_token: token } = await startSession()
  const id = String(readSegment(token, 1).sid)
  await markEveryoneRevoked(env.DB)
  const rotation = {
    id,
    generation: 0,
    network: '',
    address: '',
    country: '',
    idleSeconds: 600,
    maxSeconds: 600,
  }
  for (const behind of [0, 1, 60, 3600])
    expect(await rotateSession(env.DB, rotation, now() - behind)).toBeUndefined()
})

it('revoking all sessions includes one created by a clock that is ahead, and no later session', async () => {
  advance(3)
  const ahead = await startSession()
  advance(-3)
  expect(await markEveryoneRevoked(env.DB)).toBe(1)
  advance(2)
  const later = await startSession()
  advance(4)
  const isolate = createIsolate()
  expect((await isolate.get('/protected', ahead.access_token)).status).toBe(401)
  expect((await isolate.get('/protected', later.access_token)).status).toBe(200)
})

it('all sessions are revoked even if there are more than one statement can update', async () => {
  await env.DB.prepare(
    `WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 40001)
     INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, user_agent, country)
     SELECT 'id' || n, 1, 1, 1, 9000000000, '', '' FROM counter`,
  ).run()
  expect(await markEveryoneRevoked(env.DB)).toBe(40_001)
  const left = env.DB.prepare("SELECT id FROM sessions WHERE expires_at > 0 AND id NOT LIKE '*%'")
  expect((await left.all()).results).toEqual([])
})

it('revoking all sessions adds a single row to the revocation list, which is kept for as long as an access token lives', async () => {
  for (let login = 0; login < 4; login += 1) await startSession()
  const { access_token: old } = await startSession(ADA)
  expect(await markEveryoneRevoked(env.DB)).toBe(5)
  expect(await markEveryoneRevoked(env.DB)).toBe(0)
  const { ACCESS_TOKEN_SECONDS } = workerIsolate().settings
  const read = () => listRevoked(env.DB, now() - ACCESS_TOKEN_SECONDS - 60, 10)
  expect((await read()).ids).toEqual([])
  advance(ACCESS_TOKEN_SECONDS)
  await cleanUp(workerIsolate(), now())
  expect((await read()).revokedBefore).toBeGreaterThan(0)
  expect((await createIsolate().get('/protected', old)).status).toBe(401)
  advance(120)
  await cleanUp(workerIsolate(), now())
  expect(await read()).toEqual({ ids: [], revokedBefore: 0, isComplete: true })
})

it('clean-up keeps the revocation of a session that started after an earlier one in the same second', async () => {
  await markEveryoneRevoked(env.DB)
  const { access_token: token } = await startSession()
  await markEveryoneRevoked(env.DB)
  await cleanUp(workerIsolate(), now())
  expect((await createIsolate().get('/protected', token)).status).toBe(401)
})
