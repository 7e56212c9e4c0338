import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { cleanUp } from '../../src/auth/clean-up.ts'
import { readConfig } from '../../src/config.ts'
import { listRevoked, revokeEverySession } from '../../src/db/revocations.ts'
import { addUser, now, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

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
