import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { cleanUp } from '../../../src/auth/sessions/clean-up.ts'
import { readConfig } from '../../../src/config.ts'
import { listRevoked, revokeEverySession } from '../../../src/db/session-revocation.ts'
import { rotateSession } from '../../../src/db/sessions.ts'
import { addUser, now, readSegment, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const ADA = { username: 'ada', password: 'analytical engine' }

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  await addUser(ADA)
})
afterEach(() => vi.useRealTimers())

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

it('the end of all sessions is known everywhere within REVOCATION_SECONDS, and who logs in after it stays in (ASVS 7.4.5)', async () => {
  const isolate = createIsolate()
  const all = [await startSession(), await startSession(ADA)]
  for (const { access_token: token } of all)
    expect((await isolate.get('/protected', token)).status).toBe(200)
  expect(await revokeEverySession(env.DB)).toBe(2)
  pass(6)
  for (const { access_token: token, refresh_token: refresh } of all) {
    expect(await (await isolate.get('/protected', token)).text()).toContain('revoked')
    expect((await isolate.post('/refresh', refresh)).status).toBe(401)
  }
  const later = await startSession()
  expect((await isolate.get('/protected', later.access_token)).status).toBe(200)
  expect((await isolate.post('/refresh', later.refresh_token)).status).toBe(200)
})

it('a refresh that was under way, by a clock that is behind, brings no session back', async () => {
  const { access_token: token } = await startSession()
  const id = String(readSegment(token, 1).sid)
  await revokeEverySession(env.DB)
  const limits = { idleSeconds: 600, maxSeconds: 600 }
  for (const behind of [0, 1, 60, 3600])
    expect(
      await rotateSession(env.DB, { id, generation: 0 }, limits, now() - behind),
    ).toBeUndefined()
})

it('a session that a clock ahead has begun is ended as well, and one from after it is not', async () => {
  pass(3)
  const ahead = await startSession()
  pass(-3)
  expect(await revokeEverySession(env.DB)).toBe(1)
  pass(2)
  const later = await startSession()
  pass(4)
  const isolate = createIsolate()
  expect((await isolate.get('/protected', ahead.access_token)).status).toBe(401)
  expect((await isolate.get('/protected', later.access_token)).status).toBe(200)
})

it('more sessions than one statement takes are all ended', async () => {
  await env.DB.prepare(
    `WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 40001)
     INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, user_agent, country)
     SELECT 'id' || n, 1, 1, 1, 9000000000, '', '' FROM counter`,
  ).run()
  expect(await revokeEverySession(env.DB)).toBe(40_001)
  const left = env.DB.prepare("SELECT id FROM sessions WHERE expires_at > 0 AND id NOT LIKE '*%'")
  expect((await left.all()).results).toEqual([])
})

it('the end of all sessions is one row in the feed however many sessions there were, for as long as an access token lives', async () => {
  for (let login = 0; login < 5; login += 1) await startSession()
  expect(await revokeEverySession(env.DB)).toBe(5)
  expect(await revokeEverySession(env.DB)).toBe(0)
  const config = readConfig(env)
  const rows = () => listRevoked(env.DB, now() - config.ACCESS_TOKEN_SECONDS - 60)
  expect((await rows()).length).toBeLessThanOrEqual(2)
  const { access_token: old } = await startSession(ADA)
  pass(config.ACCESS_TOKEN_SECONDS)
  await cleanUp(config, now())
  expect(await rows()).toContainEqual(expect.stringMatching(/^\*\d{10}$/))
  expect((await createIsolate().get('/protected', old)).status).toBe(401)
  pass(120)
  await cleanUp(config, now())
  expect(await rows()).toEqual([])
})
