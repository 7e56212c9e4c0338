import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { onError } from '../src/http/error-response.ts'
import { openContext } from '../src/middleware/context.ts'
import type { AppEnv } from '../src/app-env.ts'
import { EVENTS } from '../src/contract/responses.ts'
import { log } from '../src/log.ts'
import { jwtRequired } from '../src/middleware/jwt.ts'
import { COSMO, addUser, logged, postJson, readSegment, startSession } from './helpers.ts'
import { createIsolate } from './isolates.ts'

beforeEach(() => addUser(COSMO, ['editor']))

const events = () => logged.map((line) => JSON.parse(line) as Record<string, unknown>)
const FIELDS = [
  'time',
  'level',
  'event',
  'requestId',
  'method',
  'route',
  'status',
  'username',
  'target',
  'session',
  'address',
  'reason',
  'stack',
  'count',
]

it('each event of a session is logged once and only with the documented fields (ASVS 16.2.1, 16.2.2, 16.2.4, 16.3.1)', async () => {
  const isolate = createIsolate()
  const [own, other] = [await startSession(), await startSession()]
  await postJson('/login', { ...COSMO, password: 'wrong' })
  await postJson('/login', { ...COSMO, username: 'nobody' })
  const { refresh_token: next } = await (
    await isolate.post('/refresh', own.refresh_token)
  ).json<{ refresh_token: string }>()
  await isolate.post('/refresh', next)
  await isolate.post('/refresh', own.refresh_token)
  const headers = {
    Authorization: `Bearer ${other.access_token}`,
    'Content-Type': 'application/json',
  }
  const body = JSON.stringify({
    current_password: COSMO.password,
    new_password: 'correct horse battery',
  })
  const changed = await isolate.fetch('/me/password', { method: 'PUT', headers, body })
  const { access_token: started } = await changed.json<{ access_token: string }>()
  await isolate.post('/logout?scope=all', started)
  expect(events().map(({ event }) => event)).toEqual([
    'login.succeeded',
    'login.succeeded',
    'login.failed',
    'login.failed',
    'session.refreshed',
    'session.refreshed',
    'session.reuse_detected',
    'password.changed',
    'session.revoked',
  ])
  for (const line of events()) {
    expect(FIELDS).toEqual(expect.arrayContaining(Object.keys(line)))
    expect(line).toMatchObject({
      time: expect.stringMatching(/Z$/),
      requestId: expect.any(String),
      method: expect.any(String),
    })
  }
})

const sources = import.meta.glob('../src/{*,{auth,db,http,middleware,routes}/**/*}.ts', {
  query: '?raw',
  import: 'default',
  eager: true,
})
const pages = import.meta.glob('../src/cli/README.md', {
  query: '?raw',
  import: 'default',
  eager: true,
})

/** The names of all events in the Worker's source, sorted. */
function readLoggedEvents(): string[] {
  const inSource = Object.values(sources).flatMap((source) => [
    ...source.matchAll(/(?:event: |log\('\w+', )'([a-z._]+)'/g),
  ])
  return [...new Set(inSource.map(([, event = '']) => event))].toSorted()
}

it('the README documents every event and every field that the Worker logs (ASVS 16.1.1)', () => {
  const [readme = ''] = Object.values(pages)
  const [, logs = ''] = readme.split('### Logs')
  const inTable = [...logs.matchAll(/^\| (`[a-z._]+`.*?) +\| (?:info|warn|error) /gm)]
  const documented = inTable.flatMap(([, names = '']) => names.match(/[a-z._]+/g) ?? [])
  expect(documented.toSorted()).toEqual(readLoggedEvents())
  expect(FIELDS.filter((field) => !logs.includes(`\`${field}\``))).toEqual([])
})

/** Events that nobody finds in the activity of an account, each with the reason. */
const LOG_ONLY = {
  'session.refreshed': 'every 15 minutes in each session',
  'session.refresh_repeated': 'tabs and lost responses',
  'login.otp_required': 'half of a login',
  'login.failed': 'an attacker could fill the database; a lockout is recorded',
  'code.rejected': 'concerns no known account',
  'token.rejected': 'concerns no known account',
  'access.denied': 'changes nothing',
  'origin.refused': 'changes nothing',
  'rows.deleted': 'concerns no account',
  'login.busy': 'concerns no account',
  'database.failed': 'concerns no account',
  'keys.invalid': 'concerns no account',
  'settings.invalid': 'concerns no account',
  'not.ready': 'concerns no account',
  'address.unknown': 'concerns no account',
  error: 'concerns no account',
}

it('every event that the Worker logs is also recorded for its account, or is on the list of events that are only logged', () => {
  expect([...EVENTS, ...Object.keys(LOG_ONLY)].toSorted()).toEqual(readLoggedEvents())
})

it('a request without the required role is logged once, with its user and route (ASVS 16.3.2)', async () => {
  const admins = new Hono<AppEnv>()
    .onError(onError)
    .use(openContext)
    .get('/admins', jwtRequired({ roles: ['admin', 'owner'] }), (c) => c.json(''))
  const { access_token: token } = await startSession()
  logged.length = 0
  expect((await createIsolate({}, admins).get('/admins', token)).status).toBe(403)
  expect(events()).toEqual([
    expect.objectContaining({
      event: 'access.denied',
      level: 'warn',
      route: '/admins',
      status: 403,
      username: 'cosmo',
      session: expect.stringMatching(/^[\w-]{16}$/),
      reason: 'none of admin, owner',
    }),
  ])
})

it('a successful guarded request logs nothing', async () => {
  const { access_token: token } = await startSession()
  logged.length = 0
  await createIsolate().get('/protected', token)
  expect(logged).toEqual([])
})

it('sessions are logged as a hash that stays the same for one session (ASVS 16.2.5)', async () => {
  const tokens = await startSession()
  await createIsolate().post('/logout', tokens.access_token)
  const [login, logout] = events()
  expect(login?.session).toMatch(/^[\w-]{16}$/)
  expect(logout?.session).toBe(login?.session)
  expect(logged.join('')).not.toContain(String(readSegment(tokens.access_token, 1).sid))
})

it('an unknown username is not logged, because it may be a password typed into the wrong field', async () => {
  await postJson('/login', { username: 'my secret pass phrase', password: 'x' })
  expect(logged.join('')).not.toContain('phrase')
})

describe('a log line cannot be split or forged by a username (ASVS 16.4.1):', () => {
  it.each([
    'cosmo\r\n{"event":"login.succeeded"}',
    '"},{"',
    '\u001b[31mred',
    'a\u2028b\u2029c',
    '\u0000',
  ])('%j', async (username) => {
    await addUser({ username, password: 'x' })
    await postJson('/login', { username, password: 'wrong' })
    expect(logged).toHaveLength(1)
    // oxlint-disable-next-line no-control-regex
    expect(logged[0]).not.toMatch(/[\u0000-\u001f\u2028\u2029]/)
    expect(JSON.parse(logged[0] ?? '').event).toBe('login.failed')
  })
})

describe('a token or a password hash in any logged field is redacted:', () => {
  it.each([
    'eyJhbGciOiJIUzI1NiJ9.e30.c2ln',
    '$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA',
    '$argon2i$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA',
    '$scrypt$ln=16,r=8,p=1$c2FsdA$aGFzaA',
    'scrypt:32768:8:1$c2FsdA$0123456789abcdef',
    'pbkdf2:sha256:1000000$c2FsdA$0123456789abcdef',
    '$pbkdf2-sha256$29000$c2FsdA$aGFzaA',
    'pbkdf2_sha256$600000$salt$aGFzaA=',
    '$2b$12$c2FsdHNhbHRzYWx0c2FsdA',
    '$6$c2FsdA$0123456789',
  ])('%s', (secret) => {
    log('error', 'error', { reason: `${secret} and "${secret}"\n${secret}`, stack: secret })
    const { reason, stack } = JSON.parse(logged[0] ?? '')
    expect([reason, stack]).toEqual(['[redacted] and "[redacted]"\n[redacted]', '[redacted]'])
  })

  it('but not a sentence about one', () => {
    const reason = 'scrypt, 64 MiB at most, $1 of argon2id; pbkdf2 is not accepted'
    log('error', 'error', { reason })
    expect(JSON.parse(logged[0] ?? '').reason).toBe(reason)
  })
})

describe('a rejected token is logged with the reason (ASVS 16.3.2):', () => {
  afterEach(() => vi.useRealTimers())

  it.each([
    ['unknown kid', 'token_signature', 'eyJraWQiOiJ4In0.e30.AAAA'],
    ['not three segments', 'token_malformed', 'abc'],
    ['not canonical base64url', 'token_invalid', 'YQ.YQ.YR'],
  ])('%s', async (reason, code, token) => {
    const response = await createIsolate().get('/protected', token)
    expect(response.status).toBe(401)
    expect(response.headers.get('X-Error-Code')).toBe(code)
    expect(events()).toEqual([
      expect.objectContaining({ event: 'token.rejected', level: 'info', status: 401, reason }),
    ])
  })

  it('a missing or expired token is not logged', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { access_token: token } = await startSession()
    logged.length = 0
    vi.setSystemTime(Date.now() + 3_600_000)
    expect((await createIsolate().get('/protected', token)).status).toBe(401)
    expect((await createIsolate().fetch('/protected')).status).toBe(401)
    expect(logged).toEqual([])
  })
})
