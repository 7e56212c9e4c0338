import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { addUser, readSegment, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const isolate = createIsolate()
const ADA = { username: 'ada', password: 'analytical engine' }

beforeEach(async () => {
  await addUser()
  await addUser(ADA)
})

const statusOf = async (token: string) => (await isolate.get('/protected', token)).status

describe('a logout (ASVS 7.4.1)', () => {
  it.each(['access_token', 'refresh_token'] as const)(
    'a logout with the %s ends the session immediately in this isolate (ASVS 7.4.1)',
    async (name) => {
      const tokens = await startSession()
      expect(await statusOf(tokens.access_token)).toBe(200)
      const response = await isolate.post('/logout', tokens[name])
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('{"message":"Logged out"}')
      const rejected = await isolate.get('/protected', tokens.access_token)
      expect(rejected.status).toBe(401)
      expect(await rejected.text()).toBe('{"msg":"Token has been revoked"}')
      expect((await isolate.post('/refresh', tokens.refresh_token)).status).toBe(401)
    },
  )

  it('a logout leaves the other sessions of the user active', async () => {
    const [one, two] = [await startSession(), await startSession()]
    await isolate.post('/logout', one.access_token)
    expect(await statusOf(two.access_token)).toBe(200)
  })

  it('a second logout with the same token returns 401, which a client can ignore', async () => {
    const { access_token: token } = await startSession()
    await isolate.post('/logout', token)
    const again = await isolate.post('/logout', token)
    expect(again.status).toBe(401)
    expect(await again.text()).toBe('{"msg":"Token has been revoked"}')
  })

  it('a second logout succeeds in an isolate that does not know about the first one yet', async () => {
    const other = createIsolate()
    const { access_token: token } = await startSession()
    await other.get('/protected', token)
    await isolate.post('/logout', token)
    expect((await other.post('/logout', token)).status).toBe(200)
  })
})

describe('a refresh token whose session was revoked a day ago (ASVS 7.4.1)', () => {
  afterEach(() => vi.useRealTimers())

  it.each(['/logout', '/logout?scope=others', '/logout?scope=all'])(
    'POST %s with a token revoked a day ago returns 401 and ends no session (ASVS 7.4.1)',
    async (path) => {
      vi.useFakeTimers({ toFake: ['Date'] })
      const { refresh_token: token } = await startSession()
      await isolate.post('/logout', token)
      vi.setSystemTime(Date.now() + 86_400_000)
      const other = await startSession()
      const response = await createIsolate().post(path, token)
      expect(response.status).toBe(401)
      expect(await response.text()).toBe('{"msg":"Token has been revoked"}')
      expect(await statusOf(other.access_token)).toBe(200)
    },
  )
})

it('a logout with a refresh token that was used long ago returns 401 but still ends the session', async () => {
  const first = await startSession()
  const second = await (await isolate.post('/refresh', first.refresh_token)).json<typeof first>()
  await env.DB.prepare('UPDATE sessions SET rotated_at = rotated_at - 31').run()
  expect((await isolate.post('/logout', first.refresh_token)).status).toBe(401)
  expect((await isolate.post('/refresh', second.refresh_token)).status).toBe(401)
  expect(await statusOf(second.access_token)).toBe(401)
})

describe('the scope of a logout', () => {
  it('a logout with the scope "others" ends only the other sessions of this user', async () => {
    const [current, other, ofAda] = [
      await startSession(),
      await startSession(),
      await startSession(ADA),
    ]
    expect((await isolate.post('/logout?scope=others', current.access_token)).status).toBe(200)
    expect(await statusOf(current.access_token)).toBe(200)
    expect(await statusOf(other.access_token)).toBe(401)
    expect(await statusOf(ofAda.access_token)).toBe(200)
  })

  it('a logout with the scope "all" ends every session of this user and no other', async () => {
    const [current, other, ofAda] = [
      await startSession(),
      await startSession(),
      await startSession(ADA),
    ]
    expect((await isolate.post('/logout?scope=all', current.refresh_token)).status).toBe(200)
    expect(await statusOf(current.access_token)).toBe(401)
    expect(await statusOf(other.access_token)).toBe(401)
    expect((await isolate.post('/refresh', other.refresh_token)).status).toBe(401)
    expect(await statusOf(ofAda.access_token)).toBe(200)
  })

  it('a logout with the scope "others" also rejects a token that outlives its expired session', async () => {
    const [one, two] = [await startSession(), await startSession()]
    const { sid } = readSegment(one.access_token, 1)
    await env.DB.prepare('UPDATE sessions SET expires_at = 1 WHERE id = ?1').bind(sid).run()
    expect((await isolate.post('/logout?scope=others', two.access_token)).status).toBe(200)
    expect(await statusOf(one.access_token)).toBe(401)
    expect(await statusOf(two.access_token)).toBe(200)
  })

  it.each([
    ['scope=everyone', { scope: ['Must be one of: session, others, all.'] }],
    ['scope=all&scope=others', { scope: ['Must be one of: session, others, all.'] }],
    ['scpe=all', { scpe: ['Unknown field.'] }],
  ])('a logout with an invalid query returns 400 and ends no session: %s', async (query, error) => {
    const { access_token: token } = await startSession()
    const response = await isolate.post(`/logout?${query}`, token)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error })
    expect(await statusOf(token)).toBe(200)
  })
})

it('a logout without a token is rejected, and a logout that races a refresh leaves no session active (ASVS 15.4.2)', async () => {
  expect((await isolate.fetch('/logout', { method: 'POST' })).status).toBe(401)
  for (let round = 0; round < 20; round += 1) {
    const { access_token: access, refresh_token: token } = await startSession()
    const [refreshed] = await Promise.all([
      isolate.post('/refresh', token),
      isolate.post('/logout', access),
    ])
    const renewed =
      refreshed.status === 200 ? await refreshed.json<{ refresh_token: string }>() : undefined
    expect((await isolate.post('/refresh', renewed?.refresh_token ?? token)).status).toBe(401)
    const row = await env.DB.prepare('SELECT revoked_at FROM sessions WHERE id = ?1')
      .bind(readSegment(access, 1).sid)
      .first<{ revoked_at: number | null }>()
    expect(row?.revoked_at).not.toBe(null)
  }
})
