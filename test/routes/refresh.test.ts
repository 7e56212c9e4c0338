import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { TokenAnswer } from '../../src/auth/tokens/issue.ts'
import { COSMO, addUser, getWithToken, logged, readSegment, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const DAY = 86_400
const GRACE = 30

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
})
afterEach(() => vi.useRealTimers())

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const isolate = createIsolate()
const refresh = (token: string) => isolate.post('/refresh', token)
const refreshed = async (token: string) => {
  const response = await refresh(token)
  expect(response.status).toBe(200)
  return response.json<TokenAnswer>()
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
  it('answers like the login, with tokens that work (RFC 6749 6)', async () => {
    const first = await startSession()
    pass(60)
    const second = await refreshed(first.refresh_token)
    expect(Object.keys(second)).toEqual(Object.keys(first))
    expect(second).toMatchObject({
      token_type: 'Bearer',
      expires_in: 900,
      refresh_expires_in: 7 * DAY,
    })
    expect((await getWithToken('/protected', second.access_token)).status).toBe(200)
    await refreshed(second.refresh_token)
  })

  it('keeps session and auth_time, and moves the session by one generation (ASVS 7.5.1)', async () => {
    const first = await startSession()
    pass(60)
    const second = await refreshed(first.refresh_token)
    const [before, after] = [first, second].map(({ access_token: token }) => readSegment(token, 1))
    expect(after).toMatchObject({ sid: before?.sid, auth_time: before?.auth_time })
    expect(after?.jti).not.toBe(before?.jti)
    expect(readSegment(second.refresh_token, 1).jti).toBe(`${before?.sid}.1`)
    expect(await readSession()).toMatchObject({ generation: 1, revoked_at: null })
  })

  it('costs one statement when it succeeds', async () => {
    const { refresh_token: token } = await startSession()
    isolate.statements = 0
    await refreshed(token)
    expect(isolate.statements).toBe(1)
  })

  it("sees the user's roles as they are now (RFC 9700 4.14.2)", async () => {
    const { refresh_token: token } = await startSession()
    await env.DB.prepare(`UPDATE users SET roles = '["admin"]'`).run()
    const { access_token: access } = await refreshed(token)
    expect(readSegment(access, 1).roles).toEqual(['admin'])
  })

  it.each([
    ['disabled', 'UPDATE users SET disabled_at = 1'],
    ['removed', 'DELETE FROM users'],
  ])('of a user who has been %s is refused (RFC 9700 4.14.2)', async (_, sql) => {
    const { refresh_token: token } = await startSession()
    await env.DB.prepare(sql).run()
    await expectRevoked(await refresh(token))
  })
})

describe('the two kinds of tokens are never taken for each other (ASVS 9.2.2)', () => {
  it('an access token on /refresh is 401', async () => {
    const { access_token: token } = await startSession()
    const response = await refresh(token)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Only refresh tokens are allowed"}')
  })

  it('a refresh token on a guarded route is 401', async () => {
    const { refresh_token: token } = await startSession()
    const response = await isolate.get('/protected', token)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Only non-refresh tokens are allowed"}')
  })
})

describe('lost answers and several tabs', () => {
  it('50 concurrent refreshes of one token all carry the same successor, one generation on (ASVS 2.3.4)', async () => {
    for (let round = 0; round < 5; round += 1) {
      await env.DB.prepare('DELETE FROM sessions').run()
      const { refresh_token: token } = await startSession()
      const answers = await Promise.all(Array.from({ length: 50 }, () => refreshed(token)))
      expect(new Set(answers.map((answer) => answer.refresh_token)).size).toBe(1)
      expect(await readSession()).toMatchObject({ generation: 1, revoked_at: null })
      await refreshed(answers[0]?.refresh_token ?? '')
    }
  })

  it.each([0, 1, GRACE])(
    'the previous token gets the same successor again %i s later',
    async (later) => {
      const { refresh_token: token } = await startSession()
      pass(5)
      const lost = await refreshed(token)
      pass(later)
      const again = await refreshed(token)
      expect(again.refresh_token).toBe(lost.refresh_token)
      expect(again.refresh_expires_in).toBe(lost.refresh_expires_in - later)
      expect(await readSession()).toMatchObject({ generation: 1, revoked_at: null })
      await refreshed(again.refresh_token)
    },
  )
})

describe('a refresh token used twice ends the whole session (ASVS 10.4.5, RFC 9700 4.14.2)', () => {
  it('when the second use comes after the grace', async () => {
    const first = await startSession()
    const second = await refreshed(first.refresh_token)
    pass(GRACE + 1)
    await expectRevoked(await refresh(first.refresh_token))
    await expectRevoked(await refresh(second.refresh_token))
    await expectRevoked(await isolate.get('/protected', second.access_token))
    await expectRevoked(await isolate.get('/protected', first.access_token))
  })

  it('when it is two generations old, even within the grace', async () => {
    const first = await startSession()
    const second = await refreshed(first.refresh_token)
    const third = await refreshed(second.refresh_token)
    await expectRevoked(await refresh(first.refresh_token))
    await expectRevoked(await refresh(third.refresh_token))
    expect((await readSession())?.revoked_at).not.toBe(null)
  })

  it('and only that session, with one security event logged (ASVS 16.3.3)', async () => {
    const other = await startSession()
    const first = await startSession()
    await refreshed(first.refresh_token)
    pass(GRACE + 1)
    await refresh(first.refresh_token)
    await refresh(first.refresh_token)
    const events = logged
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event === 'session.reuse_detected')
    expect(events).toHaveLength(1)
    await refreshed(other.refresh_token)
  })

  it('50 replays beside one honest refresh: ended, and one event', async () => {
    const first = await startSession()
    const second = await refreshed(first.refresh_token)
    pass(GRACE + 1)
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

describe('a session ends (ASVS 7.3.1, 7.3.2, 10.4.8)', () => {
  it('one second after seven days without a refresh, not one before', async () => {
    const { refresh_token: token } = await startSession()
    pass(7 * DAY - 1)
    const next = await refreshed(token)
    pass(7 * DAY)
    expect((await refresh(next.refresh_token)).status).toBe(401)
  })

  it('30 days after the login, however often it is refreshed', async () => {
    let { refresh_token: token } = await startSession()
    for (let day = 1; day < 30; day += 1) {
      pass(DAY)
      token = (await refreshed(token)).refresh_token
    }
    pass(DAY - 60)
    const last = await refreshed(token)
    expect(last).toMatchObject({ expires_in: 60, refresh_expires_in: 60 })
    pass(60)
    expect((await refresh(last.refresh_token)).status).toBe(401)
  })

  it('not by a clock that steps back', async () => {
    const { refresh_token: token } = await startSession()
    const next = await refreshed(token)
    pass(-3)
    const again = await refreshed(token)
    expect(again.refresh_token).toBe(next.refresh_token)
    expect(again.refresh_expires_in).toBeGreaterThan(0)
  })
})

describe('a database that was stolen or set back', () => {
  it('holds no token and nothing that makes one (RFC 6749 10.4, RFC 9700 4.14.2)', async () => {
    const tokens = await startSession()
    const { results } = await env.DB.prepare('SELECT * FROM sessions').all()
    const dump = JSON.stringify(results)
    for (const token of [tokens.access_token, tokens.refresh_token])
      for (const part of token.split('.')) expect(dump).not.toContain(part)
    expect(dump).not.toContain(COSMO.password)
  })

  it('with the generation set back refuses the newer token', async () => {
    const first = await startSession()
    const second = await refreshed(first.refresh_token)
    await env.DB.prepare('UPDATE sessions SET generation = 0').run()
    await expectRevoked(await refresh(second.refresh_token))
  })
})
