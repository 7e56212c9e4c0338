import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { createResetCode } from '../../../src/auth/codes/codes.ts'
import { updateUser } from '../../../src/auth/users.ts'
import { COSMO, addUser, isolate, logged, now, postJson, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'
import { hashes } from '../hashes.ts'
import {
  beginEnrolment,
  enrol,
  type Enrolled,
  fromBase32,
  logIn,
  send,
  showOtp,
} from './enrolled.ts'

const ADA = { username: 'ada', password: 'the analytical engine' }

let app: Enrolled
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(1_900_000_005_000)
  await addUser()
  await addUser(ADA)
  app = await enrol()
  vi.setSystemTime(Date.now() + 30_000)
})
afterEach(() => vi.useRealTimers())

const loginAt = (at: ReturnType<typeof createIsolate>, credentials: object) =>
  at.fetch('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(credentials),
  })

it('without the right password, a code changes nothing: bytes, headers, hashes and statements as for anyone', async () => {
  const otp = await showOtp(app.secret)
  const seen = new Set<string>()
  for (const username of ['cosmo', 'ada', 'nobody'])
    for (const code of [undefined, otp, '000000', app.codes[0], 'x'.repeat(500)]) {
      const server = createIsolate()
      hashes.length = 0
      const response = await loginAt(server, { username, password: 'wrong', otp: code })
      const headers = JSON.stringify([...response.headers.keys()])
      seen.add(
        [response.status, await response.text(), headers, hashes.length, server.statements].join(),
      )
    }
  expect(seen.size).toBe(1)
  expect([...seen].join()).toContain('401,{"error":"Bad username or password"}')
  expect([...seen].join()).toMatch(/,1,1$/)
})

it('a right password without a code takes one hash, like one that logs in', async () => {
  hashes.length = 0
  expect((await logIn()).status).toBe(401)
  expect(hashes).toHaveLength(1)
})

it('a dump of the database contains no seed and no code, and neither do the log and the errors', async () => {
  await logIn({ otp: await showOtp(app.secret) })
  await logIn({ otp: '000000' })
  await logIn({ otp: app.codes[0] })
  await logIn({ otp: app.codes[0] })
  await createIsolate({ DATA_SECRET: 'another key, of 32 bytes or more 0123' }).fetch('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...COSMO, otp: '123456' }),
  })
  const { results: tables } = await env.DB.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name <> 'common_passwords'",
  ).all<{ name: string }>()
  let dump = ''
  for (const { name } of tables)
    dump += JSON.stringify((await env.DB.prepare(`SELECT * FROM "${name}"`).all()).results)
  expect(dump).toContain('sealed_seed')
  const seed = String.fromCharCode(...fromBase32(app.secret))
  const secrets = [app.secret, btoa(seed), btoa(seed).slice(0, 20), ...app.codes]
  const letters = app.codes.map((code) => code.replaceAll('-', ''))
  for (const secret of [...secrets, ...letters, env.DATA_SECRET])
    for (const text of [dump, logged.join('\n')]) expect(text).not.toContain(secret)
  expect(logged.join()).toContain('DATA_SECRET does not open a seed of key')
})

it('seeds are 160 random bits, and each enrolment has its own (ASVS 6.5.3)', async () => {
  const { access_token: token } = await startSession(ADA)
  const secrets = new Set<string>()
  for (let n = 0; n < 5; n += 1) secrets.add((await beginEnrolment(token)).totp.secret)
  expect(secrets.size).toBe(5)
  for (const secret of secrets) expect(fromBase32(secret)).toHaveLength(20)
})

it('a login that was checked before an enrolment is completed starts no session after it', async () => {
  const { access_token: token } = await startSession(ADA)
  const { id, totp } = await beginEnrolment(token)
  const slow = createIsolate()
  slow.beforeStatement = async (number) => {
    if (number !== 2) return
    const otp = await showOtp(totp.secret)
    expect((await send('POST', `/me/factors/${id}/verify`, token, { otp })).status).toBe(200)
  }
  expect((await loginAt(slow, ADA)).status).toBe(401)
  const sql = 'SELECT count(*) AS n FROM sessions WHERE aal = 1 AND revoked_at IS NULL'
  expect(await env.DB.prepare(sql).first('n')).toBe(0)
})

it('a recovery code of somebody else stays valid when its sender needs none any more', async () => {
  const ada = await enrol(ADA)
  const slow = createIsolate()
  slow.beforeStatement = async (number) => {
    if (number === 2) await send('DELETE', `/me/factors/${ada.id}`, ada.tokens.access_token)
  }
  const response = await loginAt(slow, { ...ADA, otp: app.codes[0] })
  expect(response.status).toBe(200)
  expect(await response.json()).not.toHaveProperty('recovery_codes_left')
  expect(logged.join()).not.toContain('recovery_code.used')
  expect((await logIn({ otp: app.codes[0] })).status).toBe(200)
})

it('a code that is checked while the password changes is not used up, and starts no session', async () => {
  const otp = await showOtp(app.secret)
  const slow = createIsolate()
  const password = 'a dog in a rocket, barking'
  slow.beforeStatement = async (number) => {
    if (number === 3)
      await updateUser(isolate(), { username: 'cosmo', change: { password } }, now())
  }
  expect((await loginAt(slow, { ...COSMO, otp })).status).toBe(401)
  expect((await postJson('/login', { username: 'cosmo', password, otp })).status).toBe(200)
})

it('a version of the Worker that knows no factors cannot start a session of an enrolled user', async () => {
  const insert = `INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, user_agent, country)
    SELECT 'old', id, 1, 1, 9999999999, '', '' FROM users WHERE username = ?1`
  await env.DB.prepare(insert).bind('cosmo').run()
  const found = await env.DB.prepare("SELECT count(*) AS n FROM sessions WHERE id = 'old'").first(
    'n',
  )
  expect(found).toBe(0)
  await env.DB.prepare(insert).bind('ada').run()
  const other = await env.DB.prepare("SELECT count(*) AS n FROM sessions WHERE id = 'old'").first(
    'n',
  )
  expect(other).toBe(1)
})

it('a code of the command line does not get around the second factor (ASVS 6.4.3)', async () => {
  const { code } = await createResetCode(isolate(), { username: 'cosmo' }, now())
  await env.DB.prepare('UPDATE codes SET expires_at = 9999999999').run() // by the database's clock
  const password = 'a dog in a rocket, barking'
  await postJson('/reset-password', { code, new_password: password })
  expect(await (await logIn({ password })).text()).toBe('{"error":"One-time code required"}')
})

it('a session id, a factor id or a hash of a recovery code is not a one-time code', async () => {
  const { results } = await env.DB.prepare(
    'SELECT id FROM sessions WHERE aal = 2 UNION SELECT id FROM factors UNION SELECT code_hash FROM recovery_codes',
  ).all<{ id: string }>()
  expect(results.length).toBeGreaterThan(11)
  for (const { id } of results.slice(0, 9)) {
    await env.DB.prepare('DELETE FROM login_failures').run()
    expect((await logIn({ otp: id })).status).toBe(401)
  }
})
