import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { createResetCode } from '../../../src/auth/codes/codes.ts'
import { cleanUp } from '../../../src/auth/sessions/clean-up.ts'
import { changeUser, deleteUser } from '../../../src/db/user-changes.ts'
import { COSMO, addUser, isolate, logged, now, postJson, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const ROOT = { username: 'root', password: 'the root of the tree' }
const NEW_PASSWORD = 'a dog in a rocket, barking'
const INVALID = '{"error":{"code":["Not a valid code."]}}'

let token: string
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  await addUser(ROOT, ['admin'])
  token = (await startSession(ROOT)).access_token
})
afterEach(() => vi.useRealTimers())

const asAdmin = (path: string, body?: object) =>
  postJson(path, body ?? {}, { Authorization: `Bearer ${token}` })
const reset = (code: string, password = NEW_PASSWORD) =>
  postJson('/reset-password', { code, new_password: password })
const createCode = async (username = 'cosmo') =>
  (await (await asAdmin(`/users/${username}/reset-code`)).json<{ code: string }>()).code
const statusOf = async (username: string, password: string) =>
  (await postJson('/login', { username, password })).status

describe('an invitation', () => {
  it('lets a user choose a password that the admin never knew (ASVS 6.4.1)', async () => {
    const response = await asAdmin('/users', { username: 'ada', roles: ['editor'] })
    expect(response.status).toBe(201)
    const { code, expires_at, ...user } = await response.json<Record<string, unknown>>()
    expect(user).toEqual({
      username: 'ada',
      roles: ['editor'],
      created_at: now(),
      disabled_at: null,
    })
    expect(code).toMatch(/^([0-9a-hjkmnp-tv-z]{4}-){5}[0-9a-hjkmnp-tv-z]{6}$/)
    expect(expires_at).toBe(now() + 86_400)
    const chosen = await reset(String(code))
    expect(chosen.status).toBe(200)
    expect(await chosen.json()).toEqual({ username: 'ada' })
    expect(await statusOf('ada', NEW_PASSWORD)).toBe(200)
  })

  it('before it is used, a login with any password looks like that of an unknown user', async () => {
    await asAdmin('/users', { username: 'ada' })
    const row = await env.DB.prepare(
      "SELECT password_hash FROM users WHERE username = 'ada'",
    ).first<string>('password_hash')
    for (const password of ['x', String(row), '!'])
      expect(await statusOf('ada', password)).toBe(401)
  })

  it('for a taken username is refused and creates no code for its user', async () => {
    const response = await asAdmin('/users', { username: 'Cosmo' })
    expect(response.status).toBe(409)
    expect(await env.DB.prepare('SELECT count(*) AS n FROM codes').first('n')).toBe(0)
  })

  it('that has expired can be repeated with a reset code', async () => {
    const { code } = await (await asAdmin('/users', { username: 'ada' })).json<{ code: string }>()
    vi.setSystemTime(Date.now() + 86_400_000)
    expect(await (await reset(code)).text()).toBe(INVALID)
    token = (await startSession(ROOT)).access_token
    expect((await reset(await createCode('ada'))).status).toBe(200)
  })
})

describe('a reset code', () => {
  it('is accepted as it is read out: in any case, with any separators, O for 0 and l for 1 (ASVS 6.4.3)', async () => {
    const code = await createCode()
    const spoken = code
      .toUpperCase()
      .replaceAll('-', ' . ')
      .replaceAll('0', 'O')
      .replaceAll('1', 'l')
    expect((await reset(spoken)).status).toBe(200)
  })

  it('revokes all sessions when it is used, and not before; no token is returned', async () => {
    const elsewhere = createIsolate()
    const { access_token: access, refresh_token: refresh } = await startSession()
    const code = await createCode()
    expect((await elsewhere.get('/protected', access)).status).toBe(200)
    expect(await statusOf('cosmo', COSMO.password)).toBe(200)
    const response = await reset(code)
    expect(await response.json()).toEqual({ username: 'cosmo' })
    vi.setSystemTime(Date.now() + 5000)
    expect((await elsewhere.get('/protected', access)).status).toBe(401)
    expect((await elsewhere.post('/refresh', refresh)).status).toBe(401)
    expect(await statusOf('cosmo', COSMO.password)).toBe(401)
    expect(await statusOf('cosmo', NEW_PASSWORD)).toBe(200)
  })

  it.each<[title: string, spoil: (code: string) => Promise<unknown>]>([
    ['was never created', async () => env.DB.prepare('DELETE FROM codes').run()],
    ['was used', (code) => reset(code)],
    ['has expired', async () => vi.setSystemTime(Date.now() + 86_400_000)],
    ['was replaced by another', () => createCode()],
    [
      'is of a disabled user',
      () => changeUser(env.DB, { username: 'cosmo', change: { disabled: true } }, now()),
    ],
    ['is of a removed user', () => deleteUser(env.DB, { username: 'cosmo' }, now())],
    [
      'is of a user whose password was set meanwhile',
      () => changeUser(env.DB, { username: 'cosmo', change: { passwordHash: 'x' } }, now()),
    ],
  ])('that %s gets the one 400', async (_, spoil) => {
    const code = await createCode()
    await spoil(code)
    const response = await reset(code, 'another dog, in a boat')
    expect(response.status).toBe(400)
    expect(await response.text()).toBe(INVALID)
    expect(response.headers.get('X-Error-Code')).toBe('code_invalid')
  })

  it('stays valid when the password is refused', async () => {
    const code = await createCode()
    for (const bad of ['short', 'my name is cosmo', 'passwordpassword']) {
      const response = await reset(code, bad)
      expect(response.status).toBe(400)
      expect(await response.json()).toHaveProperty('error.new_password')
    }
    expect((await reset(code)).status).toBe(200)
  })

  it('used by 16 at once is used once, and the winner has the password', async () => {
    const code = await createCode()
    const passwords = Array.from({ length: 16 }, (_, n) => `${n} dogs in a rocket, barking`)
    const responses = await Promise.all(passwords.map((password) => reset(code, password)))
    const winners = responses.flatMap(({ status }, index) => (status === 200 ? index : []))
    expect(winners).toHaveLength(1)
    expect(await statusOf('cosmo', passwords[winners[0] ?? 0] ?? '')).toBe(200)
  })

  it('is in the database as a hash only, and in no log line (ASVS 6.4.3)', async () => {
    const code = await createCode()
    const dump = JSON.stringify((await env.DB.prepare('SELECT * FROM codes').all()).results)
    expect(dump).not.toContain(code)
    expect(dump).not.toContain(code.replaceAll('-', ''))
    await reset(code)
    expect(logged.join()).not.toContain(code)
    expect(logged.map((line) => JSON.parse(line).event)).toEqual(
      expect.arrayContaining(['code.created', 'password.reset']),
    )
  })

  it('for an unknown or a disabled user is a 404', async () => {
    expect((await asAdmin('/users/nobody/reset-code')).status).toBe(404)
    await env.DB.prepare("UPDATE users SET disabled_at = 1 WHERE username = 'cosmo'").run()
    expect((await asAdmin('/users/cosmo/reset-code')).status).toBe(404)
  })

  it('cannot be created without a token, or by a user who is not an admin', async () => {
    expect((await postJson('/users/root/reset-code', {})).status).toBe(401)
    token = (await startSession()).access_token
    expect((await asAdmin('/users/root/reset-code')).status).toBe(403)
  })

  it('that the command line creates works the same', async () => {
    const { code } = await createResetCode(isolate(), { username: 'cosmo' }, now())
    expect((await reset(code)).status).toBe(200)
  })

  it('that has expired is deleted by the clean-up', async () => {
    await createCode()
    await cleanUp(isolate(), now() + 86_400)
    expect(await env.DB.prepare('SELECT count(*) AS n FROM codes').first('n')).toBe(0)
  })
})
