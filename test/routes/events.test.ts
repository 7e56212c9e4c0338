import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it, vi } from 'vitest'

import { EVENTS, type EventsResponse } from '../../src/contract/responses.ts'
import { COSMO, addUser, logged, now, startSession } from '../helpers.ts'
import { enrol, showOtp } from '../auth/factors/enrolled.ts'
import { createIsolate } from '../isolates.ts'

const ADA = { username: 'ada', password: 'analytical engine' }
const NEW_PASSWORD = 'a dog in a rocket, barking'
const HOME = '198.51.100.7'

let isolate: ReturnType<typeof createIsolate>
let admin: string
beforeEach(async () => {
  isolate = createIsolate({ SIGNUP: 'open' })
  await addUser()
  await addUser(ADA, ['admin'])
  admin = (await startSession(ADA)).access_token
})

/** Sends a request from the address HOME. */
const send = (method: string, path: string, token = '', body?: object) =>
  isolate.fetch(path, {
    method,
    headers: {
      'Content-Type': 'application/json',
      'CF-Connecting-IP': HOME,
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
const list = async (token: string, path = '/me/events'): Promise<EventsResponse> =>
  (await isolate.get(path, token)).json()
/** Refreshes from HOME. */
const refresh = async (token: string, type: 'access_token' | 'refresh_token' = 'access_token') =>
  (await (await send('POST', '/refresh', token)).json<Record<string, string>>())[type] ?? ''
const namesOf = ({ events }: EventsResponse) => events.map(({ event }) => event)
const logIn = async (user: { username: string; password: string }): Promise<string> =>
  (await (await send('POST', '/login', '', user)).json<{ access_token: string }>()).access_token

/** Does all that can happen to an account. */
async function doEverything() {
  const eve = { username: 'eve', password: 'a tree with many branches' }
  await send('POST', '/signup', '', eve)
  await send('POST', '/users', admin, { username: 'bob', password: NEW_PASSWORD })
  await send('POST', '/users', admin, { username: 'kim' })
  const created = await send('POST', '/users/cosmo/reset-code', admin)
  const { code } = await created.json<{ code: string }>()
  await send('POST', '/reset-password', '', { code, new_password: NEW_PASSWORD })
  const old = await logIn({ ...COSMO, password: NEW_PASSWORD })
  const change = { current_password: NEW_PASSWORD, new_password: `${NEW_PASSWORD} twice` }
  await send('PUT', '/me/password', old, change)
  await send('PATCH', '/users/cosmo', admin, {
    password: NEW_PASSWORD,
    roles: ['x'],
    disabled: true,
  })
  await send('PATCH', '/users/cosmo', admin, { disabled: false })
  const refreshed = await send('POST', '/login', '', { ...COSMO, password: NEW_PASSWORD })
  const tokens = await refreshed.json<{ refresh_token: string }>()
  let newest = tokens.refresh_token
  for (let n = 0; n < 2; n += 1) {
    const response = await send('POST', '/refresh', newest)
    newest = (await response.json<{ refresh_token: string }>()).refresh_token
  }
  await send('POST', '/refresh', tokens.refresh_token)
  await send('POST', '/logout', await logIn({ ...COSMO, password: NEW_PASSWORD }))
  for (let n = 0; n < 12; n += 1) await send('POST', '/login', '', { ...COSMO, password: `${n}` })
  const { secret, codes, tokens: enrolled } = await enrol(eve)
  await send('POST', '/login', '', { ...eve, otp: codes[0] })
  await send('POST', '/me/recovery-codes', enrolled.access_token)
  await env.DB.prepare('UPDATE factors SET wrong_codes = 99').run()
  await send('POST', '/login', '', { ...eve, otp: '000000' })
  await send('DELETE', '/users/eve/factors', admin)
  await send('DELETE', '/users/eve', admin)
  return [secret, COSMO.password, NEW_PASSWORD, eve.password, code, old, admin, newest]
}

const idsOf = ({ events }: EventsResponse) => events.map(({ id }) => id)

describe('GET /me/events', () => {
  it('GET /me/events lists what happened to the account, newest first, with who did it and from where (ASVS 6.3.5, 6.3.7)', async () => {
    await logIn(COSMO)
    await send('PATCH', '/users/cosmo', admin, { disabled: true, roles: ['x'] })
    await send('PATCH', '/users/cosmo', admin, { disabled: false })
    const { events, next } = await list(await logIn(COSMO))
    expect(next).toBeNull()
    // Not from where the admin did it.
    const byAda = { by: 'ada', address: null, country: null, session: expect.any(String) }
    const bySelf = { by: 'cosmo', address: HOME, country: null, session: expect.any(String) }
    const expected = [
      { event: 'login.succeeded', ...bySelf },
      { event: 'user.enabled', ...byAda },
      { event: 'user.disabled', ...byAda },
      { event: 'roles.changed', ...byAda },
      { event: 'session.revoked', ...byAda },
      { event: 'login.succeeded', ...bySelf },
      { event: 'user.added', by: null, address: null, country: null, session: null },
    ].map((event) => ({
      id: expect.any(String),
      time: expect.any(Number),
      username: 'cosmo',
      ...event,
    }))
    expect(events).toEqual(expected)
    for (const { time } of events) expect(now() - time).toBeLessThan(10)
  })

  it('a reset names the admin who created the code, and from where the code was used', async () => {
    const created = await send('POST', '/users/cosmo/reset-code', admin)
    const { code } = await created.json<{ code: string }>()
    await send('POST', '/reset-password', '', { code, new_password: NEW_PASSWORD })
    const { events } = await list(await logIn({ ...COSMO, password: NEW_PASSWORD }))
    expect(events.slice(1, 3)).toMatchObject([
      { event: 'password.reset', by: 'ada', address: HOME },
      { event: 'code.created', by: 'ada', address: null },
    ])
  })

  it("a session's events have the hash under which the log names it", async () => {
    logged.length = 0
    const token = await logIn(COSMO)
    const { session } = JSON.parse(logged[0] ?? '')
    expect((await list(token)).events[0]).toMatchObject({ event: 'login.succeeded', session })
  })

  it('a session that has moved to another network names the one that it was refreshed from', async () => {
    const { refresh_token: token } = await startSession()
    await send('POST', '/logout?scope=all', await refresh(token))
    expect((await list(await logIn(COSMO))).events[1]).toMatchObject({
      event: 'session.revoked',
      by: 'cosmo',
      address: HOME,
    })
  })

  it('reuse of a refresh token is by nobody, from the network of the last refresh', async () => {
    const { refresh_token: token } = await startSession()
    await refresh(await refresh(token, 'refresh_token'))
    await isolate.post('/refresh', token)
    const { events } = await list(await logIn(COSMO))
    expect(events[1]).toMatchObject({ event: 'session.reuse_detected', by: null, address: HOME })
  })

  it('revoking many sessions is one event, and revoking none is not an event', async () => {
    for (let login = 0; login < 5; login += 1) await logIn(COSMO)
    const token = await logIn(COSMO)
    await send('POST', '/logout?scope=others', token)
    await send('POST', '/logout?scope=others', token)
    expect(namesOf(await list(token)).filter((name) => name === 'session.revoked')).toHaveLength(1)
  })

  it('pages return each event exactly once while further events are recorded', async () => {
    const token = await logIn(COSMO)
    for (let login = 0; login < 6; login += 1) await logIn(COSMO)
    const before = idsOf(await list(token))
    const ids: string[] = []
    let next: string | null = ''
    while (next !== null) {
      const page = await list(token, `/me/events?limit=2&after=${next}`)
      ids.push(...idsOf(page))
      next = page.next
      await logIn(COSMO)
    }
    expect(ids).toEqual(before)
  })

  it.each(['limit=0', 'limit=101', 'after=1', "after=1.'--", 'username=ada', 'page=2'])(
    'GET /me/events with an invalid query returns 400: %s',
    async (query) => {
      expect((await isolate.get(`/me/events?${query}`, admin)).status).toBe(400)
    },
  )

  it('users see no events of others, not even of a removed user with the same name (ASVS 8.2.2)', async () => {
    await logIn(COSMO)
    await send('DELETE', '/users/cosmo', admin)
    await addUser()
    expect(namesOf(await list(await logIn(COSMO)))).toEqual(['login.succeeded', 'user.added'])
    expect((await list(admin)).events.map(({ username }) => username)).not.toContain('cosmo')
  })

  it('a token of a removed user shows that user only, until it is rejected', async () => {
    const token = await logIn(COSMO)
    await env.DB.prepare("DELETE FROM users WHERE username = 'cosmo'").run() // no session is revoked
    await addUser()
    await logIn(COSMO)
    expect(namesOf(await list(token))).toEqual(['login.succeeded', 'user.added'])
  })
})

describe('GET /events', () => {
  it('GET /events lists the events of all users, of one, of one name, and of a removed user', async () => {
    await logIn(COSMO)
    await send('DELETE', '/users/cosmo', admin)
    const read = async (query: string) =>
      (await list(admin, `/events?${query}`)).events.map(
        ({ username, event }) => `${username} ${event}`,
      )
    expect(await read('limit=3')).toEqual([
      'cosmo session.revoked',
      'cosmo user.removed',
      'cosmo login.succeeded',
    ])
    expect(await read('event=login.succeeded')).toEqual([
      'cosmo login.succeeded',
      'ada login.succeeded',
    ])
    expect(await read('username=cosmo&event=user.removed')).toEqual(['cosmo user.removed'])
    expect(await read('username=nobody')).toEqual([])
    const { events } = await list(admin, '/events?event=user.removed')
    expect(events).toMatchObject([{ username: 'cosmo', event: 'user.removed', by: 'ada' }])
  })

  it('an admin who removes themselves is named', async () => {
    await addUser({ username: 'root', password: NEW_PASSWORD }, ['admin'])
    await send('DELETE', '/users/ada', admin)
    const token = await logIn({ username: 'root', password: NEW_PASSWORD })
    const { events } = await list(token, '/events?username=ada&event=user.removed')
    expect(events).toMatchObject([{ event: 'user.removed', by: 'ada' }])
  })

  it('only an admin who has logged in recently reads the events of others', async () => {
    const token = await logIn(COSMO)
    expect((await isolate.get('/events', token)).status).toBe(403)
    await env.DB.prepare('UPDATE sessions SET created_at = created_at - 901').run()
    expect((await isolate.get('/events', admin)).status).toBe(401)
    expect((await isolate.get('/me/events', admin)).status).toBe(200)
  })
})

it('a second factor that is added, removed or disabled is an event, with who did it (ASVS 6.3.7)', async () => {
  const { tokens, id } = await enrol()
  await send('DELETE', `/me/factors/${id}`, tokens.access_token)
  const again = await enrol()
  await env.DB.prepare('UPDATE factors SET wrong_codes = 99').run()
  await send('POST', '/login', '', { ...COSMO, otp: '000000' })
  await send('DELETE', '/users/cosmo/factors', admin)
  expect((await isolate.get('/me', again.tokens.access_token)).status).toBe(401)
  const { events } = await list(admin, '/events?username=cosmo')
  const ofFactors = events.filter(({ event }) => event.startsWith('factor.'))
  expect(ofFactors.map(({ event, by }) => [event, by])).toEqual([
    ['factor.removed', 'ada'],
    ['factor.disabled', null],
    ['factor.added', 'cosmo'],
    ['factor.removed', 'cosmo'],
    ['factor.added', 'cosmo'],
  ])
})

it('a login with a recovery code is an event of its own, and one with an app is not (ASVS 6.3.5)', async () => {
  const { codes, secret } = await enrol()
  await send('POST', '/login', '', { ...COSMO, otp: codes[0] })
  await send('POST', '/login', '', { ...COSMO, otp: codes[0] })
  vi.useFakeTimers({ toFake: ['Date'] }).setSystemTime(Date.now() + 30_000)
  await send('POST', '/login', '', { ...COSMO, otp: await showOtp(secret) })
  vi.useRealTimers()
  const { events } = await list(admin, '/events?username=cosmo&event=recovery_code.used')
  const { events: logins } = await list(admin, '/events?username=cosmo&event=login.succeeded')
  const used = { event: 'recovery_code.used', by: 'cosmo', session: logins[1]?.session }
  expect(logins).toHaveLength(3)
  expect(events).toEqual([expect.objectContaining(used)])
})

it('each event of the list is recorded, and no token, code, password or hash (ASVS 16.2.5)', async () => {
  const secrets = await doEverything()
  const { events } = await list(admin, '/events?limit=100')
  expect([...new Set(events.map(({ event }) => event))].toSorted()).toEqual([...EVENTS])
  const { results } = await env.DB.prepare('SELECT * FROM events').all()
  const text = JSON.stringify(results)
  for (const secret of secrets) expect(text).not.toContain(secret)
  expect(text).not.toMatch(/eyJ|\$argon2/)
  const { results: sessions } = await env.DB.prepare('SELECT id FROM sessions').all<{
    id: string
  }>()
  expect(sessions.length).toBeGreaterThan(3)
  for (const { id } of sessions) expect(text).not.toContain(id)
})
