// Attacks on one-time codes, and what must not use up or keep a code.

import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { createResetCode, inviteUser, resetPassword } from '../../../src/auth/codes/codes.ts'
import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import { removeUser, updateUser } from '../../../src/auth/users.ts'
import {
  COSMO,
  addUser,
  fetchApp,
  getWithToken,
  isolate,
  now,
  postJson,
  startSession,
} from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const ROOT = { username: 'root', password: 'the root of the tree' }
const MALLORY = { username: 'mallory', password: 'a key for the back door' }
const NEW_PASSWORD = 'a dog in a rocket, barking'
const CLIENT = { address: '192.0.2.1', userAgent: '', country: '' }
const INVALID = '{"error":{"code":["Not a valid code."]}}'

let token: string
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  await addUser(ROOT, ['admin'])
  token = (await startSession(ROOT)).access_token
})
afterEach(() => vi.useRealTimers())

const send = (method: string, path: string, body?: object) =>
  fetchApp(path, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })
const invite = async (username: string, roles: string[] = []) =>
  (await (await send('POST', '/users', { username, roles })).json<{ code: string }>()).code
const createCode = async (username: string) =>
  (await (await send('POST', `/users/${username}/reset-code`)).json<{ code: string }>()).code
const reset = (code: string, password = NEW_PASSWORD) =>
  postJson('/reset-password', { code, new_password: password })

describe('a code stays valid', () => {
  it.each<[title: string, change: () => Promise<unknown>]>([
    ['the roles are changed', () => send('PATCH', '/users/ada', { roles: ['editor'] })],
    ['the sessions are revoked', () => send('DELETE', '/users/ada/sessions')],
    [
      'the user is enabled, who is not disabled',
      () => send('PATCH', '/users/ada', { disabled: false }),
    ],
  ])('when %s', async (_, change) => {
    const code = await invite('ada')
    await change()
    expect((await reset(code)).status).toBe(200)
  })
})

describe('a code is no longer valid', () => {
  it('after its user was disabled, also when they are enabled again', async () => {
    const code = await createCode('cosmo')
    for (const disabled of [true, false]) await send('PATCH', '/users/cosmo', { disabled })
    expect(await (await reset(code)).text()).toBe(INVALID)
  })

  it.each<[title: string, lose: () => Promise<unknown>]>([
    ['is disabled', () => send('PATCH', '/users/mallory', { disabled: true })],
    ['is demoted', () => send('PATCH', '/users/mallory', { roles: ['editor'] })],
    ['is removed', () => send('DELETE', '/users/mallory')],
  ])('after the admin who created it %s', async (_, lose) => {
    await addUser(MALLORY, ['admin'])
    const rootToken = token
    token = (await startSession(MALLORY)).access_token
    const codes = [await createCode('root'), await invite('eve', ['admin'])]
    token = rootToken
    const own = await createCode('cosmo')
    await lose()
    for (const code of codes) expect(await (await reset(code)).text()).toBe(INVALID)
    expect((await reset(own)).status).toBe(200)
  })
})

it('an admin cannot use a code to change their own password without the current one (ASVS 6.2.3)', async () => {
  const response = await send('POST', '/users/root/reset-code')
  expect(response.status).toBe(400)
  expect(await response.json()).toEqual({ error: { username: ['Use PUT /me/password.'] } })
})

describe('an invited admin who has not chosen a password yet', () => {
  it('is not the admin who must remain', async () => {
    await invite('ada', ['admin'])
    for (const attempt of [
      () => send('PATCH', '/users/root', { roles: [] }),
      () => send('PATCH', '/users/root', { disabled: true }),
      () => send('DELETE', '/users/root'),
    ]) {
      const response = await attempt()
      expect(response.status).toBe(409)
      expect(response.headers.get('X-Error-Code')).toBe('last_admin')
    }
    expect((await getWithToken('/users', token)).status).toBe(200)
  })

  it('can be removed or demoted by the last admin', async () => {
    await invite('ada', ['admin'])
    expect((await send('PATCH', '/users/ada', { roles: [] })).status).toBe(200)
    expect((await send('DELETE', '/users/ada')).status).toBe(200)
  })
})

describe('a code that is not valid', () => {
  it.each(['unknown', 'used', 'expired', 'replaced', 'of a disabled user', 'of a removed user'])(
    'costs one statement and no hash, for any password: %s',
    async (state) => {
      const code = await createCode('cosmo')
      if (state === 'unknown') await env.DB.prepare('DELETE FROM codes').run()
      if (state === 'used') await reset(code)
      if (state === 'expired') vi.setSystemTime(Date.now() + 86_400_000)
      if (state === 'replaced') await createCode('cosmo')
      if (state.includes('disabled')) await env.DB.prepare('UPDATE users SET disabled_at = 1').run()
      if (state.includes('removed')) await removeUser(isolate(), { username: 'cosmo' }, now())
      for (const password of [NEW_PASSWORD, 'short', 'my name is cosmo', 'passwordpassword']) {
        const counted = createIsolate()
        const response = await counted.fetch('/reset-password', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ code, new_password: password }),
        })
        expect(await response.text()).toBe(INVALID)
        expect(counted.statements).toBe(1)
      }
      let hashes = 0
      const counting: typeof argon2id = (...args) => {
        hashes += 1
        return argon2id(...args)
      }
      const attempt = resetPassword(
        { ...isolate(), argon2id: counting },
        { code, password: NEW_PASSWORD, client: CLIENT },
        now(),
      )
      await expect(attempt).rejects.toMatchObject({ code: 'code_invalid' })
      expect(hashes).toBe(0)
    },
  )
})

it('of two resets at once, the code of one is valid and sets the password', async () => {
  const codes = await Promise.all([createCode('cosmo'), createCode('cosmo')])
  const statuses = []
  for (const code of codes) statuses.push((await reset(code)).status)
  expect(statuses.toSorted()).toEqual([200, 400])
})

it('a login that was checked before a code is used starts no session after it', async () => {
  const code = await createCode('cosmo')
  const slow = createIsolate()
  const used: number[] = []
  slow.beforeStatement = async (number) => {
    if (number === 2) used.push((await reset(code)).status)
  }
  const response = await slow.fetch('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(COSMO),
  })
  expect({ used, status: response.status }).toEqual({ used: [200], status: 401 })
})

it('a code that is found and then lost to a removal or a new password sets nothing', async () => {
  const code = await createCode('cosmo')
  for (const interfere of [
    () =>
      updateUser(
        isolate(),
        { username: 'cosmo', change: { password: 'chosen by an admin' } },
        now(),
      ),
    () => removeUser(isolate(), { username: 'cosmo' }, now()),
  ]) {
    const slow = createIsolate()
    let done = false
    slow.beforeStatement = async (number) => {
      if (number === 3 && !done) {
        done = true
        await interfere()
      }
    }
    const response = await slow.fetch('/reset-password', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ code, new_password: NEW_PASSWORD }),
    })
    expect(await response.text()).toBe(INVALID)
  }
})

it('an invitation of a removed user is not valid for a new user of the same name', async () => {
  const code = await invite('ada')
  await send('DELETE', '/users/ada')
  const { code: newCode } = await inviteUser(isolate(), { username: 'ada', roles: [] }, now())
  expect(await (await reset(code)).text()).toBe(INVALID)
  expect((await reset(newCode)).status).toBe(200)
})

it('the clock of the command line does not extend a code', async () => {
  vi.useRealTimers()
  const { code } = await createResetCode(isolate(), { username: 'cosmo' }, now() + 1_000_000)
  const expiresAt = await env.DB.prepare('SELECT expires_at FROM codes').first<number>('expires_at')
  expect(expiresAt).toBeLessThanOrEqual(now() + 86_400)
  expect((await reset(code)).status).toBe(200)
})

it('a response with a code is not cached', async () => {
  for (const response of [
    await send('POST', '/users/cosmo/reset-code'),
    await send('POST', '/users', { username: 'ada' }),
  ])
    expect(response.headers.get('Cache-Control')).toBe('no-store')
})

it('a user who has failed too often can log in after a reset', async () => {
  for (let attempt = 0; attempt < 12; attempt += 1)
    await postJson('/login', { ...COSMO, password: 'forgotten' })
  expect((await postJson('/login', COSMO)).status).toBe(429)
  expect((await reset(await createCode('cosmo'))).status).toBe(200)
  expect((await postJson('/login', { ...COSMO, password: NEW_PASSWORD })).status).toBe(200)
})
