import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { COSMO, addUser, fetchApp, postJson, readSegment, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const ADA = { username: 'ada', password: 'analytical engine' }
const isolate = createIsolate()

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  await addUser(ADA)
})
afterEach(() => vi.useRealTimers())

type Page = { sessions: Record<string, unknown>[]; next: string | null }
const listSessions = async (token: string, query = ''): Promise<Page> =>
  (await isolate.get(`/sessions${query}`, token)).json()
const endSession = (token: string, id: unknown) =>
  isolate.fetch(`/sessions/${id}`, {
    method: 'DELETE',
    headers: { Authorization: `Bearer ${token}` },
  })
const sidOf = (token: string) => readSegment(token, 1).sid
const countSessions = async (sql: string) =>
  (
    await env.DB.prepare(`SELECT count(*) AS n FROM sessions WHERE ${sql}`).first<{
      n: number
    }>()
  )?.n

describe('GET /sessions', () => {
  it("GET /sessions lists the user's active sessions, newest first, with exactly the documented fields (ASVS 15.3.1)", async () => {
    const started = Math.floor(Date.now() / 1000)
    const response = await postJson('/login', COSMO, {
      'User-Agent': `\u001B${'Firefox '.repeat(100)}`,
    })
    const { access_token: first } = await response.json<{ access_token: string }>()
    vi.setSystemTime(Date.now() + 60_000)
    const { access_token: second } = await startSession()
    await startSession(ADA)
    expect(await listSessions(second)).toEqual({
      sessions: [
        {
          id: sidOf(second),
          created_at: started + 60,
          refreshed_at: started + 60,
          expires_at: started + 60 + 604_800,
          user_agent: '',
          country: '',
          current: true,
        },
        {
          id: sidOf(first),
          created_at: started,
          refreshed_at: started,
          expires_at: started + 604_800,
          user_agent: 'Firefox '.repeat(100).slice(0, 256),
          country: '',
          current: false,
        },
      ],
      next: null,
    })
  })

  it('GET /sessions omits revoked sessions', async () => {
    const [current, revoked] = [await startSession(), await startSession()]
    await isolate.post('/logout', revoked.access_token)
    expect((await listSessions(current.access_token)).sessions).toHaveLength(1)
  })

  it('GET /sessions returns every session exactly once over all pages', async () => {
    const current = await startSession()
    for (let login = 0; login < 6; login += 1) await startSession()
    const ids: unknown[] = []
    let page = await listSessions(current.access_token, '?limit=3')
    for (;;) {
      ids.push(...page.sessions.map(({ id }) => id))
      if (!page.next) break
      page = await listSessions(current.access_token, `?limit=3&after=${page.next}`)
    }
    expect(ids).toHaveLength(7)
    expect(new Set(ids).size).toBe(7)
  })

  it.each(['limit=0', 'limit=101', 'limit=x', 'after=1', "after=1.'--", 'page=2'])(
    'GET /sessions with an invalid query returns 400: %s',
    async (query) => {
      const { access_token: token } = await startSession()
      expect((await isolate.get(`/sessions?${query}`, token)).status).toBe(400)
    },
  )
})

describe('DELETE /sessions/:id', () => {
  it('DELETE /sessions/:id immediately ends another session of the same user (ASVS 10.4.9)', async () => {
    const [current, other] = [await startSession(), await startSession()]
    const response = await endSession(current.access_token, sidOf(other.access_token))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('{"message":"Session ended"}')
    expect((await isolate.get('/protected', other.access_token)).status).toBe(401)
    expect((await isolate.get('/protected', current.access_token)).status).toBe(200)
  })

  it("DELETE /sessions/:id returns the same 404 for another user's, a revoked and an unknown session, and ends nothing (ASVS 8.2.2)", async () => {
    const [current, ofAda, revoked] = [
      await startSession(),
      await startSession(ADA),
      await startSession(),
    ]
    await isolate.post('/logout', revoked.access_token)
    for (const id of [sidOf(ofAda.access_token), sidOf(revoked.access_token), 'x', "' OR 1=1 --"]) {
      const response = await endSession(current.access_token, encodeURIComponent(String(id)))
      expect(response.status).toBe(404)
      expect(await response.text()).toBe('{"error":"Not found"}')
    }
    expect((await isolate.get('/protected', ofAda.access_token)).status).toBe(200)
    expect(await countSessions('revoked_at IS NULL')).toBe(2)
  })
})

describe('the session limit (ASVS 7.1.2)', () => {
  it('a login above the session limit ends the oldest session, even in an isolate that has cached it as active', async () => {
    const limited = createIsolate({ MAX_SESSIONS: '2' })
    const tokens: string[] = []
    for (let login = 0; login < 3; login += 1) {
      vi.setSystemTime(Date.now() + 1000)
      const body = JSON.stringify(COSMO)
      const headers = { 'Content-Type': 'application/json' }
      const response = await limited.fetch('/login', { method: 'POST', headers, body })
      tokens.push((await response.json<{ access_token: string }>()).access_token)
      await limited.get('/protected', tokens[0] ?? '')
    }
    const statuses = await Promise.all(
      tokens.map(async (token) => (await limited.get('/protected', token)).status),
    )
    expect(statuses).toEqual([401, 200, 200])
  })

  it('after 30 concurrent logins, only the newest 20 sessions are active', async () => {
    const responses = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        postJson('/login', COSMO, { 'CF-Connecting-IP': `192.0.2.${n % 15}` }),
      ),
    )
    const rejected = responses.filter(({ status }) => status !== 200)
    for (const _ of rejected) expect((await postJson('/login', COSMO)).status).toBe(200)
    expect(await countSessions('revoked_at IS NULL')).toBe(20)
    const last = 'SELECT rowid FROM sessions ORDER BY rowid DESC LIMIT 20'
    expect(await countSessions(`revoked_at IS NULL AND rowid IN (${last})`)).toBe(20)
  })
})

it('10,000 session ids of 128 random bits are all different (ASVS 7.2.3, 11.5.1)', async () => {
  const { randomId } = await import('../../src/auth/encoding.ts')
  const ids = new Set(Array.from({ length: 10_000 }, () => randomId()))
  expect(ids.size).toBe(10_000)
  for (const id of ids) expect(id).toMatch(/^[\w-]{21}[AQgw]$/)
})

it('a session id that the client sends is ignored (ASVS 7.2.4)', async () => {
  const response = await fetchApp('/login?sid=chosen', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Cookie: 'sid=chosen', 'X-Session': 'chosen' },
    body: JSON.stringify(COSMO),
  })
  const { access_token: token } = await response.json<{ access_token: string }>()
  expect(sidOf(token)).not.toBe('chosen')
})
