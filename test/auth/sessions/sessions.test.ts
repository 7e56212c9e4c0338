import { env, exports } from 'cloudflare:workers'
import {
  createExecutionContext,
  createScheduledController,
  waitOnExecutionContext,
} from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'

import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import { cleanUp } from '../../../src/auth/sessions/clean-up.ts'
import worker from '../../../src/index.ts'
import { openIsolate } from '../../../src/isolate.ts'
import { COSMO, addUser, logged, now, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

beforeEach(() => addUser())

const logIn = (isolate: ReturnType<typeof createIsolate>) =>
  isolate.fetch('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(COSMO),
  })

async function expectUnavailable(response: Response) {
  expect(response.status).toBe(503)
  expect(response.headers.get('Retry-After')).toBe('5')
  expect(await response.text()).toBe('{"error":"Service unavailable"}')
}

const WHEN = ['before', 'after'] as const
const FAULTS = [1, 2, 3].flatMap((at) => WHEN.map((when) => ({ at, when })))

describe('a D1 failure causes a 503, and the next attempt works (ASVS 2.3.3, 16.5.2):', () => {
  it.each(FAULTS.slice(0, 4))(
    'a login whose statement $at fails $when it takes effect',
    async (fault) => {
      const isolate = createIsolate()
      isolate.fault = fault
      await expectUnavailable(await logIn(isolate))
      const response = await logIn(isolate)
      expect(response.status).toBe(200)
      const { refresh_token: token } = await response.json<{ refresh_token: string }>()
      expect((await isolate.post('/refresh', token)).status).toBe(200)
    },
  )

  it('a login needs only two round trips', async () => {
    const isolate = createIsolate()
    await logIn(isolate)
    expect(isolate.statements).toBe(2)
  })

  it.each(FAULTS.slice(0, 2))(
    'a refresh whose statement fails $when it takes effect',
    async (fault) => {
      const { refresh_token: token } = await startSession()
      const isolate = createIsolate()
      isolate.fault = fault
      await expectUnavailable(await isolate.post('/refresh', token))
      const response = await isolate.post('/refresh', token)
      expect(response.status).toBe(200)
      const { refresh_token: next } = await response.json<{ refresh_token: string }>()
      expect((await isolate.post('/refresh', next)).status).toBe(200)
    },
  )

  it.each(FAULTS.slice(2, 6))(
    'a reused refresh token whose statement $at fails $when it takes effect',
    async (fault) => {
      const { refresh_token: token } = await startSession()
      const isolate = createIsolate({ REFRESH_GRACE_SECONDS: '0' })
      const { refresh_token: next } = await (
        await isolate.post('/refresh', token)
      ).json<{
        refresh_token: string
      }>()
      await (await isolate.post('/refresh', next)).json()
      isolate.fault = { ...fault, at: isolate.statements + fault.at }
      await expectUnavailable(await isolate.post('/refresh', token))
      expect((await isolate.post('/refresh', token)).status).toBe(401)
      expect(
        (await env.DB.prepare('SELECT 1 FROM sessions WHERE revoked_at > 0').all()).results,
      ).toHaveLength(1)
    },
  )

  it.each(FAULTS.slice(0, 4))(
    'a logout whose statement $at fails $when it takes effect',
    async (fault) => {
      const { access_token: token } = await startSession()
      const isolate = createIsolate()
      isolate.fault = fault
      await expectUnavailable(await isolate.post('/logout', token))
      expect([200, 401]).toContain((await isolate.post('/logout', token)).status)
      expect((await isolate.get('/protected', token)).status).toBe(401)
    },
  )
})

it('a login creates no session if the user is disabled or the password changes during it (ASVS 15.4.2)', async () => {
  for (const sql of ['UPDATE users SET disabled_at = 1', `UPDATE users SET password_hash = 'x'`]) {
    const isolate = createIsolate()
    isolate.beforeStatement = async (number) => {
      if (number === 2) await env.DB.prepare(sql).run()
    }
    const response = await logIn(isolate)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"error":"Bad username or password"}')
    expect((await env.DB.prepare('SELECT 1 FROM sessions').all()).results).toHaveLength(0)
    await env.DB.prepare('DELETE FROM users').run()
    await addUser()
  }
})

/** Inserts `count` sessions of a user that does not exist. Times are in seconds since the epoch. */
const addSessions = (count: number, expiresAt: number, revokedAt: number | null) =>
  env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
     INSERT INTO sessions (id, user_id, generation, created_at, rotated_at, expires_at, revoked_at,
       user_agent, country)
     SELECT 'bulk-' || ?2 || '-' || coalesce(?3, 'x') || '-' || i, 0, 0, 0, 0, ?2, ?3, '', '' FROM n`,
  )
    .bind(count, expiresAt, revokedAt)
    .run()
const countSessions = async () =>
  (await env.DB.prepare('SELECT count(*) AS n FROM sessions').first<{ n: number }>())?.n

describe('the session clean-up', () => {
  it('clean-up deletes 100,000 dead sessions in 24 statements and keeps those that may have valid tokens', async () => {
    const time = now()
    await addSessions(60_000, time - 61, null)
    await addSessions(40_000, time + 1000, time - 900 - 61)
    await addSessions(300, time - 30, null) // expired, but within the clock tolerance
    await addSessions(300, time + 1000, time - 900) // revoked, but an access token may still be valid
    await addSessions(400, time + 1000, null)
    const isolate = createIsolate()
    const deleted = await cleanUp(openIsolate(isolate.env, argon2id), time)
    expect(deleted).toBe(100_000)
    expect(isolate.statements).toBe(24)
    expect(await countSessions()).toBe(1000)
  })

  it('the cron trigger runs the clean-up, which logs the number of deleted rows', async () => {
    await addSessions(3, now() - 61, null)
    const { access_token: token } = await startSession()
    const context = createExecutionContext()
    await worker.scheduled(createScheduledController(), env)
    await waitOnExecutionContext(context)
    expect(await countSessions()).toBe(1)
    expect(JSON.parse(logged.at(-1) ?? '')).toMatchObject({ event: 'rows.deleted', count: 3 })
    expect((await createIsolate().get('/protected', token)).status).toBe(200)
    expect(exports.default).toBeDefined()
  })
})
