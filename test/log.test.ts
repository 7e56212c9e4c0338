import { Hono } from 'hono'
import { beforeEach, describe, expect, it } from 'vitest'

import { onError } from '../src/app.ts'
import type { AppEnv } from '../src/app-env.ts'
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

it('a journey logs each event once, with the documented fields alone (ASVS 16.2.1, 16.2.2, 16.2.4, 16.3.1)', async () => {
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
  await isolate.fetch('/me/password', { method: 'PUT', headers, body })
  await isolate.post('/logout?scope=all', other.access_token)
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

const sources = import.meta.glob('../src/{*,{auth,db,middleware,routes}/*}.ts', {
  query: '?raw',
  import: 'default',
  eager: true,
})
const pages = import.meta.glob('../README.md', { query: '?raw', import: 'default', eager: true })

it('every event that the Worker logs is in the README, and every field (ASVS 16.1.1)', () => {
  const [readme = ''] = Object.values(pages)
  const [, logs = ''] = readme.split('### Logs')
  const inTable = [...logs.matchAll(/^\| (`[a-z._]+`.*?) +\| (?:info|warn|error) /gm)]
  const documented = inTable.flatMap(([, names = '']) => names.match(/[a-z._]+/g) ?? [])
  const inSource = Object.values(sources).flatMap((source) => [
    ...source.matchAll(/(?:event: |[lL]og(?:Event)?\((?:c, )?'\w+', )'([a-z._]+)'/g),
  ])
  const used = new Set(inSource.map(([, event]) => event))
  expect(documented.toSorted()).toEqual([...used].toSorted())
  expect(FIELDS.filter((field) => !logs.includes(`\`${field}\``))).toEqual([])
})

it('a role that is missing is logged once, with who and where (ASVS 16.3.2)', async () => {
  const admins = new Hono<AppEnv>()
    .onError(onError)
    .get('/admins', jwtRequired({ roles: ['admin'] }), (c) => c.json(''))
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
      reason: 'none of admin',
    }),
  ])
})

it('a successful guarded request writes nothing', async () => {
  const { access_token: token } = await startSession()
  logged.length = 0
  await createIsolate().get('/protected', token)
  expect(logged).toEqual([])
})

it('sessions are logged as a hash, the same for the same session (ASVS 16.2.5)', async () => {
  const tokens = await startSession()
  await createIsolate().post('/logout', tokens.access_token)
  const [login, logout] = events()
  expect(login?.session).toMatch(/^[\w-]{16}$/)
  expect(logout?.session).toBe(login?.session)
  expect(logged.join('')).not.toContain(String(readSegment(tokens.access_token, 1).sid))
})

it('an unknown name is not logged: it may be a password typed into the wrong field', async () => {
  await postJson('/login', { username: 'my secret pass phrase', password: 'x' })
  expect(logged.join('')).not.toContain('phrase')
})

describe('no line can be broken or forged by what a user sends (ASVS 16.4.1):', () => {
  it.each([
    'cosmo\r\n{"event":"login.succeeded"}',
    '"},{"',
    '\u001b[31mred',
    'a\u2028b\u2029c',
    '\u0000',
  ])('%j', async (name) => {
    await addUser({ username: name, password: 'x' })
    await postJson('/login', { username: name, password: 'wrong' })
    expect(logged).toHaveLength(1)
    // oxlint-disable-next-line no-control-regex
    expect(logged[0]).not.toMatch(/[\u0000-\u001f\u2028\u2029]/)
    expect(JSON.parse(logged[0] ?? '').event).toBe('login.failed')
  })
})

it('a token or a hash in a field is cut out, whatever brought it there', () => {
  log('error', 'error', {
    reason: 'eyJhbGciOiJIUzI1NiJ9.e30.c2ln and $argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA end',
  })
  expect(JSON.parse(logged[0] ?? '').reason).toBe('[redacted] and [redacted] end')
})
