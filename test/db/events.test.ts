import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { cleanUp } from '../../src/auth/sessions/clean-up.ts'
import { COSMO, addUser, isolate as workerIsolate, login, now, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const ADA = { username: 'ada', password: 'analytical engine' }
const NEW_PASSWORD = 'a dog in a rocket, barking'
type Isolate = ReturnType<typeof createIsolate>

beforeEach(async () => {
  await addUser()
  await addUser(ADA, ['admin'])
})

const all = async <Row>(sql: string) => (await env.DB.prepare(sql).all<Row>()).results
/** The names of the events of cosmo, in their order. */
const readEvents = async () =>
  (
    await all<{ event: string }>("SELECT event FROM events WHERE username = 'cosmo' ORDER BY id")
  ).map(({ event }) => event)
/** Everything that a change can touch. */
const readState = async () =>
  Promise.all(
    ['events', 'users', 'sessions', 'codes'].map((table) => all(`SELECT * FROM ${table}`)),
  )

const send = (isolate: Isolate, method: string, path: string, token: string, body?: object) =>
  isolate.fetch(path, {
    method,
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    ...(body && { body: JSON.stringify(body) }),
  })

type Tokens = { admin: string; own: string; code: string }
const CHANGES: [
  title: string,
  event: string,
  change: (i: Isolate, t: Tokens) => Promise<Response>,
][] = [
  ['a login', 'login.succeeded', (i) => send(i, 'POST', '/login', '', COSMO)],
  [
    'a password change',
    'password.changed',
    (i, { own }) =>
      send(i, 'PUT', '/me/password', own, {
        current_password: COSMO.password,
        new_password: NEW_PASSWORD,
      }),
  ],
  [
    'a reset',
    'password.reset',
    (i, { code }) => send(i, 'POST', '/reset-password', '', { code, new_password: NEW_PASSWORD }),
  ],
  [
    'new roles',
    'roles.changed',
    (i, { admin }) => send(i, 'PATCH', '/users/cosmo', admin, { roles: ['x'] }),
  ],
  [
    'disabling a user',
    'user.disabled',
    (i, { admin }) => send(i, 'PATCH', '/users/cosmo', admin, { disabled: true }),
  ],
  ['a removal', 'user.removed', (i, { admin }) => send(i, 'DELETE', '/users/cosmo', admin)],
  [
    'a new code',
    'code.created',
    (i, { admin }) => send(i, 'POST', '/users/cosmo/reset-code', admin),
  ],
  ['a logout', 'session.revoked', (i, { own }) => send(i, 'POST', '/logout', own)],
]

async function prepareTokens(): Promise<Tokens> {
  const [admin, own] = [await login(ADA), await login()]
  const created = await send(createIsolate(), 'POST', '/users/cosmo/reset-code', admin)
  return { admin, own, code: (await created.json<{ code: string }>()).code }
}

/** Makes the statement `sql` fail whenever `table` is written: all of its transaction is undone. */
const failOn = (operation: string) =>
  env.DB.prepare(
    `CREATE TRIGGER broken BEFORE ${operation} BEGIN SELECT RAISE(ABORT, 'broken'); END`,
  ).run()
const repair = () => env.DB.prepare('DROP TRIGGER IF EXISTS broken').run()

describe('a change and its event are one transaction (ASVS 2.3.3):', () => {
  it.each(CHANGES)('%s is recorded, once, as %s', async (_, event, change) => {
    const tokens = await prepareTokens()
    const before = (await readEvents()).length
    expect((await change(createIsolate(), tokens)).ok).toBe(true)
    expect((await readEvents()).slice(before).filter((name) => name === event)).toEqual([event])
  })

  it.each(CHANGES)('%s fails as a whole when %s cannot be recorded', async (_, event, change) => {
    const tokens = await prepareTokens()
    const before = await readState()
    await failOn(`INSERT ON events WHEN new.event = '${event}'`)
    const response = await change(createIsolate(), tokens)
    await repair()
    expect(response.status).toBe(503)
    expect(await readState()).toEqual(before)
  })

  /** Each statement after which a change can fail. */
  const OPERATIONS = [
    'INSERT ON sessions',
    'UPDATE ON sessions',
    'UPDATE ON users',
    'DELETE ON users',
    'INSERT ON codes',
    'DELETE ON codes',
    'INSERT ON known_devices',
  ]
  it.each(OPERATIONS)(
    'when %s fails, what has happened is recorded, and nothing else',
    async (operation) => {
      const failed: string[] = []
      for (const [title, event, change] of CHANGES) {
        for (const table of ['users', 'sessions', 'codes', 'events'])
          await env.DB.prepare(`DELETE FROM ${table}`).run()
        await addUser()
        await addUser(ADA, ['admin'])
        const tokens = await prepareTokens()
        const before = await readState()
        const count = async () => (await readEvents()).filter((name) => name === event).length
        const earlier = await count()
        await failOn(operation)
        const { ok } = await change(createIsolate(), tokens)
        await repair()
        expect((await count()) - earlier).toBe(Number(ok))
        if (ok) continue
        failed.push(title)
        expect(await readState()).toEqual(before)
      }
      expect(failed).not.toEqual([])
    },
  )
})

describe('what an attacker can cause:', () => {
  const guess = (username = 'cosmo', n = 0) =>
    send(createIsolate(), 'POST', '/login', '', { username, password: `wrong ${n}` })

  it('wrong guesses write nothing, and a lockout one event, also if it locks several counters', async () => {
    const once = { LOGIN_MAX_FAILURES: '3', LOGIN_MAX_FAILURES_PER_NAME: '3' }
    const strict = createIsolate(once)
    const before = await readEvents()
    for (let n = 0; n < 2; n += 1)
      await send(strict, 'POST', '/login', '', { username: 'cosmo', password: 'wrong' })
    expect(await readEvents()).toEqual(before)
    for (let n = 0; n < 5; n += 1)
      await send(strict, 'POST', '/login', '', { username: 'cosmo', password: 'wrong' })
    expect(await readEvents()).toEqual([...before, 'login.limited'])
    const [row] = await all("SELECT * FROM events WHERE event = 'login.limited'")
    expect(row).toMatchObject({ actor: null, session: null, address: '203.0.113.99' })
  })

  it('a lockout of an unknown username is not recorded, because it may be a password', async () => {
    const before = await all('SELECT * FROM events')
    for (let n = 0; n < 12; n += 1) await guess('my secret pass phrase', n)
    expect((await guess('my secret pass phrase')).status).toBe(429)
    expect(await all('SELECT * FROM events')).toEqual(before)
    expect(JSON.stringify(await all('SELECT * FROM login_failures'))).not.toContain('phrase')
  })

  it('a lockout of sign-ups is not recorded for the user whose name was tried', async () => {
    const open = createIsolate({ SIGNUP: 'open' })
    const before = await readEvents()
    const body = { username: 'cosmo', password: NEW_PASSWORD }
    let response = await send(open, 'POST', '/signup', '', body)
    for (let n = 0; n < 12; n += 1) response = await send(open, 'POST', '/signup', '', body)
    expect(response.status).toBe(429)
    expect(await readEvents()).toEqual(before)
  })

  it('a login takes back the lockout that its own attempt has started, and its event', async () => {
    const strict = createIsolate({ LOGIN_MAX_FAILURES: '3' })
    for (let n = 0; n < 2; n += 1)
      await send(strict, 'POST', '/login', '', { username: 'cosmo', password: 'wrong' })
    expect((await send(strict, 'POST', '/login', '', COSMO)).status).toBe(200)
    expect(await readEvents()).toEqual(['user.added', 'login.succeeded'])
  })

  it('an old lockout stays recorded when the user logs in later', async () => {
    const strict = createIsolate({ LOGIN_MAX_FAILURES: '3' })
    for (let n = 0; n < 3; n += 1)
      await send(strict, 'POST', '/login', '', { username: 'cosmo', password: 'wrong' })
    await env.DB.prepare(
      'UPDATE login_failures SET failed_at = failed_at - 3600, paused_until = paused_until - 3600',
    ).run()
    expect((await send(strict, 'POST', '/login', '', COSMO)).status).toBe(200)
    expect(await readEvents()).toEqual(['user.added', 'login.limited', 'login.succeeded'])
  })

  it('refreshes and guarded requests record nothing', async () => {
    const tokens = await startSession()
    const before = await readEvents()
    const isolate = createIsolate()
    expect((await isolate.post('/refresh', tokens.refresh_token)).status).toBe(200)
    expect((await isolate.get('/protected', tokens.access_token)).status).toBe(200)
    expect(await readEvents()).toEqual(before)
  })

  it('a hash that a login replaces by a stronger one is not a new password', async () => {
    const weak =
      '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'
    await env.DB.prepare("UPDATE users SET password_hash = ?1 WHERE username = 'cosmo'")
      .bind(weak)
      .run()
    expect(
      (
        await send(createIsolate(), 'POST', '/login', '', {
          username: 'cosmo',
          password: 'password',
        })
      ).status,
    ).toBe(200)
    expect(await readEvents()).toEqual(['user.added', 'login.succeeded'])
  })
})

it('a login writes at most two rows more than without events, by the count of D1, and a guarded request none', async () => {
  const isolate = createIsolate()
  const count = async (work: () => Promise<Response>) => {
    const before = isolate.rowsWritten
    expect((await work()).status).toBe(200)
    return isolate.rowsWritten - before
  }
  const logIn = () => send(isolate, 'POST', '/login', '', COSMO)
  await logIn()
  const withEvents = await count(logIn)
  const token = await login()
  expect(await count(() => isolate.get('/protected', token))).toBe(0)
  const [trigger] = await all<{ sql: string }>(
    "SELECT sql FROM sqlite_schema WHERE name = 'events_of_login'",
  )
  await env.DB.prepare('DROP TRIGGER events_of_login').run()
  const without = await count(logIn)
  await env.DB.prepare(trigger?.sql ?? '').run()
  expect(withEvents - without).toBe(2)
})

it('the order of events is that of the changes, also of concurrent ones and if the clock steps back', async () => {
  await env.DB.prepare(
    'INSERT INTO events (id, event, username, user_id) VALUES ((unixepoch() + 3) * 1000000, ?1, ?2, 0)',
  )
    .bind('user.added', 'clock')
    .run()
  await Promise.all(Array.from({ length: 20 }, () => startSession()))
  const rows = await all<{ id: number; session: string }>(
    "SELECT id, session FROM events WHERE event = 'login.succeeded' ORDER BY id",
  )
  const sessions = await all<{ log_id: string }>('SELECT log_id FROM sessions ORDER BY rowid')
  expect(rows.length).toBeGreaterThan(5)
  expect(rows.map(({ session }) => session)).toEqual(sessions.map(({ log_id }) => log_id))
  const [clock] = await all<{ id: number }>("SELECT id FROM events WHERE username = 'clock'")
  expect(rows[0]?.id).toBeGreaterThan(clock?.id ?? Infinity)
})

it('a login takes back the event of its own lockout only, also where ids were used again', async () => {
  await login()
  const newest = '(SELECT max(id) FROM events)'
  await env.DB.batch(
    [
      "INSERT INTO login_failures (key, failures, failed_at, paused_until) VALUES ('k', 1, 1, 9)",
      `UPDATE login_failures SET lockout = ${newest} WHERE key = 'k'`,
      "UPDATE login_failures SET paused_until = 0 WHERE key = 'k'",
    ].map((sql) => env.DB.prepare(sql)),
  )
  expect((await readEvents()).at(-1)).toBe('login.succeeded')
  const lockout = "SELECT lockout FROM login_failures WHERE key = 'k'"
  expect(await env.DB.prepare(lockout).first('lockout')).toBeNull()
})

describe('retention:', () => {
  const DAY = 86_400
  const addEvents = (count: number, time: number) =>
    env.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1 - 1)
       INSERT INTO events (id, event, username, user_id)
       SELECT ?2 * 1000000 + n, 'login.succeeded', 'cosmo', 1 FROM numbers`,
    )
      .bind(count, time)
      .run()

  it('the clean-up deletes exactly the events that are older than EVENT_DAYS, in batches', async () => {
    const time = now()
    await env.DB.prepare('DELETE FROM events').run()
    await addEvents(12_000, time - 90 * DAY - 1)
    await addEvents(10, time - 90 * DAY)
    await addEvents(10, time)
    expect(await cleanUp(workerIsolate(), time)).toBe(12_000)
    const rows = await all<{ second: number; n: number }>(
      'SELECT id / 1000000 AS second, count(*) AS n FROM events GROUP BY second ORDER BY second',
    )
    expect(rows).toEqual([
      { second: time - 90 * DAY, n: 10 },
      { second: time, n: 10 },
    ])
  })
})
