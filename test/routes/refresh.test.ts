import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import {
  COSMO,
  type Tokens,
  addUser,
  getWithToken,
  logged,
  readSegment,
  startSession,
} from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const DAY_SECONDS = 86_400
const GRACE_SECONDS = 30

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
})
afterEach(() => vi.useRealTimers())

const advanceClock = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const isolate = createIsolate()
const refresh = (token: string) => isolate.post('/refresh', token)
const refreshTokens = async (token: string) => {
  const response = await refresh(token)
  expect(response.status).toBe(200)
  return response.json<Tokens>()
}

async function expectRevoked(response: Response) {
  expect(response.status).toBe(401)
  expect(await response.text()).toBe('{"msg":"Token has been revoked"}')
  expect(response.headers.get('WWW-Authenticate')).toBe(
    'Bearer realm="latchkey", error="invalid_token", error_description="Token has been revoked"',
  )
}

const readSession = () =>
  env.DB.prepare('SELECT * FROM sessions').first<Record<string, number | string | null>>()

describe('a refresh', () => {
  it('a refresh returns the same fields as a login, with tokens that work (RFC 6749 6)', async () => {
    const first = await startSession()
    advanceClock(60)
    const second = await refreshTokens(first.refresh_token)
    expect(Object.keys(second)).toEqual(Object.keys(first))
    expect(second).toMatchObject({
      token_type: 'Bearer',
      expires_in: 900,
      refresh_expires_in: 7 * DAY_SECONDS,
    })
    expect((await getWithToken('/protected', second.access_token)).status).toBe(200)
    await refreshTokens(second.refresh_token)
  })

  it('a refresh keeps the session and auth_time, and advances the session by one generation (ASVS 7.5.1)', async () => {
    const first = await startSession()
    advanceClock(60)
    const second = await refreshTokens(first.refresh_token)
    const [before, after] = [first, second].map(({ access_token: token }) => readSegment(token, 1))
    expect(after).toMatchObject({ sid: before?.sid, auth_time: before?.auth_time })
    expect(after?.jti).not.toBe(before?.jti)
    expect(readSegment(second.refresh_token, 1).jti).toBe(`${before?.sid}.1`)
    expect(await readSession()).toMatchObject({ generation: 1, revoked_at: null })
  })

  it('a successful refresh runs one database statement', async () => {
    const { refresh_token: token } = await startSession()
    isolate.statements = 0
    await refreshTokens(token)
    expect(isolate.statements).toBe(1)
  })

  it("a refresh issues an access token with the user's current roles (RFC 9700 4.14.2)", async () => {
    const { refresh_token: token } = await startSession()
    await env.DB.prepare(`UPDATE users SET roles = '["admin"]'`).run()
    const { access_token: access } = await refreshTokens(token)
    expect(readSegment(access, 1).roles).toEqual(['admin'])
  })

  it.each([
    ['disabled', 'UPDATE users SET disabled_at = 1'],
    ['removed', 'DELETE FROM users'],
  ])('a refresh is rejected after its user was %s (RFC 9700 4.14.2)', async (_, sql) => {
    const { refresh_token: token } = await startSession()
    await env.DB.prepare(sql).run()
    await expectRevoked(await refresh(token))
  })
})

describe('the two token types are never mistaken for each other (ASVS 9.2.2)', () => {
  it('an access token on /refresh returns 401', async () => {
    const { access_token: token } = await startSession()
    const response = await refresh(token)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Only refresh tokens are allowed"}')
  })

  it('a refresh token on a guarded route returns 401', async () => {
    const { refresh_token: token } = await startSession()
    const response = await isolate.get('/protected', token)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Only non-refresh tokens are allowed"}')
  })
})

describe('lost responses and several tabs', () => {
  it('50 concurrent refreshes with one token all return the same successor, one generation later (ASVS 2.3.4)', async () => {
    for (let round = 0; round < 5; round += 1) {
      await env.DB.prepare('DELETE FROM sessions').run()
      const { refresh_token: token } = await startSession()
      const responses = await Promise.all(Array.from({ length: 50 }, () => refreshTokens(token)))
      expect(new Set(responses.map((tokens) => tokens.refresh_token)).size).toBe(1)
      expect(await readSession()).toMatchObject({ generation: 1, revoked_at: null })
      await refreshTokens(responses[0]?.refresh_token ?? '')
    }
  })

  it.each([0, 1, GRACE_SECONDS])(
    'the previous refresh token returns the same successor again %i s later',
    async (later) => {
      const { refresh_token: token } = await startSession()
      advanceClock(5)
      const lost = await refreshTokens(token)
      advanceClock(later)
      const again = await refreshTokens(token)
      expect(again.refresh_token).toBe(lost.refresh_token)
      expect(again.refresh_expires_in).toBe(lost.refresh_expires_in - later)
      expect(await readSession()).toMatchObject({ generation: 1, revoked_at: null })
      await refreshTokens(again.refresh_token)
    },
  )
})

describe('refresh token reuse (ASVS 10.4.5, RFC 9700 4.14.2)', () => {
  it('a refresh token that is reused after the grace period ends the whole session', async () => {
    const first = await startSession()
    const second = await refreshTokens(first.refresh_token)
    advanceClock(GRACE_SECONDS + 1)
    await expectRevoked(await refresh(first.refresh_token))
    await expectRevoked(await refresh(second.refresh_token))
    await expectRevoked(await isolate.get('/protected', second.access_token))
    await expectRevoked(await isolate.get('/protected', first.access_token))
  })

  it('a refresh token that is two generations old ends the whole session, even within the grace period', async () => {
    const first = await startSession()
    const second = await refreshTokens(first.refresh_token)
    const third = await refreshTokens(second.refresh_token)
    await expectRevoked(await refresh(first.refresh_token))
    await expectRevoked(await refresh(third.refresh_token))
    expect((await readSession())?.revoked_at).not.toBe(null)
  })

  it('refresh token reuse ends only that session and logs one security event (ASVS 16.3.3)', async () => {
    const other = await startSession()
    const first = await startSession()
    await refreshTokens(first.refresh_token)
    advanceClock(GRACE_SECONDS + 1)
    await refresh(first.refresh_token)
    await refresh(first.refresh_token)
    const events = logged
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event === 'session.reuse_detected')
    expect(events).toHaveLength(1)
    await refreshTokens(other.refresh_token)
  })

  it('50 replays concurrent with one legitimate refresh end the session and log one event', async () => {
    const first = await startSession()
    const second = await refreshTokens(first.refresh_token)
    advanceClock(GRACE_SECONDS + 1)
    logged.length = 0
    await Promise.all([
      refresh(second.refresh_token),
      ...Array.from({ length: 50 }, () => refresh(first.refresh_token)),
    ])
    expect((await readSession())?.revoked_at).not.toBe(null)
    await expectRevoked(await refresh(second.refresh_token))
    expect(logged.filter((line) => line.includes('session.reuse_detected'))).toHaveLength(1)
  })
})

describe('the session lifetime (ASVS 7.3.1, 7.3.2, 10.4.8)', () => {
  it('a session can be refreshed until seven days after its last refresh, and not a second longer', async () => {
    const { refresh_token: token } = await startSession()
    advanceClock(7 * DAY_SECONDS - 1)
    const next = await refreshTokens(token)
    advanceClock(7 * DAY_SECONDS)
    expect((await refresh(next.refresh_token)).status).toBe(401)
  })

  it('a session expires 30 days after login, regardless of how often it is refreshed', async () => {
    let { refresh_token: token } = await startSession()
    for (let day = 1; day < 30; day += 1) {
      advanceClock(DAY_SECONDS)
      token = (await refreshTokens(token)).refresh_token
    }
    advanceClock(DAY_SECONDS - 60)
    const last = await refreshTokens(token)
    expect(last).toMatchObject({ expires_in: 60, refresh_expires_in: 60 })
    advanceClock(60)
    expect((await refresh(last.refresh_token)).status).toBe(401)
  })

  it('a session survives a clock that steps back', async () => {
    const { refresh_token: token } = await startSession()
    const next = await refreshTokens(token)
    advanceClock(-3)
    const again = await refreshTokens(token)
    expect(again.refresh_token).toBe(next.refresh_token)
    expect(again.refresh_expires_in).toBeGreaterThan(0)
  })
})

describe('a database that was leaked or rolled back', () => {
  it('the sessions table contains no part of a token and no password (RFC 6749 10.4, RFC 9700 4.14.2)', async () => {
    const tokens = await startSession()
    const { results } = await env.DB.prepare('SELECT * FROM sessions').all()
    const dump = JSON.stringify(results)
    for (const token of [tokens.access_token, tokens.refresh_token])
      for (const part of token.split('.')) expect(dump).not.toContain(part)
    expect(dump).not.toContain(COSMO.password)
  })

  it('a refresh token that is newer than a rolled-back database is rejected', async () => {
    const first = await startSession()
    const second = await refreshTokens(first.refresh_token)
    await env.DB.prepare('UPDATE sessions SET generation = 0').run()
    await expectRevoked(await refresh(second.refresh_token))
  })
})
