import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { COSMO, type Tokens, addUser, getWithToken, postJson, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const isolate = createIsolate()
const NEW_PASSWORD = 'correct horse battery'

beforeEach(() => addUser(COSMO, ['editor']))

const changePassword = (token: string, body: unknown) =>
  isolate.fetch('/me/password', {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
const tryLogin = async (password: string) =>
  (await postJson('/login', { username: COSMO.username, password })).status

it('GET /me returns the username, roles and login time of the token', async () => {
  const { access_token: token } = await startSession()
  const response = await getWithToken('/me', token)
  expect(await response.json()).toEqual({
    username: 'cosmo',
    roles: ['editor'],
    auth_time: expect.any(Number),
  })
})

it('the Worker reads the user and roles from the token only, not from headers, cookies or the query (ASVS 7.2.1, 8.3.1)', async () => {
  const { access_token: token } = await startSession()
  const headers = {
    Authorization: `Bearer ${token}`,
    'X-User-Id': '1',
    'X-Forwarded-User': 'admin',
    'X-Roles': 'admin',
    Cookie: 'username=admin; roles=admin',
  }
  const response = await isolate.fetch('/me?username=admin&sub=admin&roles=admin', { headers })
  expect(await response.json()).toMatchObject({ username: 'cosmo', roles: ['editor'] })
})

describe('PUT /me/password', () => {
  it('a password change with the current password revokes all sessions and returns the tokens of a new one (ASVS 6.2.2, 7.2.4, 7.4.3)', async () => {
    const [current, other] = [await startSession(), await startSession()]
    const response = await changePassword(current.access_token, {
      current_password: COSMO.password,
      new_password: NEW_PASSWORD,
    })
    expect(response.status).toBe(200)
    const started = await response.json<Tokens>()
    expect(await tryLogin(COSMO.password)).toBe(401)
    expect(await tryLogin(NEW_PASSWORD)).toBe(200)
    expect((await isolate.get('/protected', other.access_token)).status).toBe(401)
    expect((await isolate.post('/refresh', other.refresh_token)).status).toBe(401)
    expect((await isolate.get('/protected', current.access_token)).status).toBe(401)
    expect((await isolate.post('/refresh', current.refresh_token)).status).toBe(401)
    expect((await isolate.get('/protected', started.access_token)).status).toBe(200)
    expect((await isolate.post('/refresh', started.refresh_token)).status).toBe(200)
  })

  it.each([
    [
      'a wrong current password (ASVS 6.2.3)',
      'space-corgI',
      NEW_PASSWORD,
      'current_password',
      'Wrong password.',
    ],
    [
      'a new password that is too short (ASVS 6.2.1)',
      COSMO.password,
      'x'.repeat(14),
      'new_password',
      'Shorter than minimum length 15.',
    ],
    [
      'a new password that is too long (ASVS 6.2.9)',
      COSMO.password,
      'x'.repeat(129),
      'new_password',
      'Longer than maximum length 128.',
    ],
    [
      'a new password that contains the username (ASVS 6.2.11)',
      COSMO.password,
      'I am Cosmo the corgi',
      'new_password',
      'Contains the username.',
    ],
    [
      'a common new password (ASVS 6.2.4)',
      COSMO.password,
      '1qaz2wsx3edc4rfv',
      'new_password',
      'Is a common password.',
    ],
    [
      'a new password that ends in a lone surrogate (ASVS 6.2.8)',
      COSMO.password,
      `${NEW_PASSWORD}\ud83d`,
      'new_password',
      'Not a valid string.',
    ],
    [
      'a common new password in capitals',
      COSMO.password,
      'PASSWORDPASSWORD',
      'new_password',
      'Is a common password.',
    ],
  ])(
    'a password change with %s returns 400 and changes nothing',
    async (_, currentPassword, newPassword, field, message) => {
      const [current, other] = [await startSession(), await startSession()]
      const response = await changePassword(current.access_token, {
        current_password: currentPassword,
        new_password: newPassword,
      })
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ error: { [field]: [message] } })
      expect(await tryLogin(COSMO.password)).toBe(200)
      expect((await isolate.get('/protected', other.access_token)).status).toBe(200)
    },
  )

  it.each([
    ['roles', ['admin']],
    ['username', 'admin'],
    ['id', 1],
    ['disabled_at', null],
    ['created_at', 0],
    ['password_hash', 'x'],
  ])(
    'a password change with the extra field %s returns 400 and changes nothing (ASVS 15.3.3)',
    async (name, value) => {
      const readUsers = () => env.DB.prepare('SELECT * FROM users').all()
      const before = (await readUsers()).results
      const { access_token: token } = await startSession()
      const response = await changePassword(token, {
        current_password: COSMO.password,
        new_password: NEW_PASSWORD,
        [name]: value,
      })
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ error: { [name]: ['Unknown field.'] } })
      expect((await readUsers()).results).toEqual(before)
    },
  )

  it('a password change without the current password returns 400 (ASVS 6.2.3)', async () => {
    const { access_token: token } = await startSession()
    const response = await changePassword(token, { new_password: NEW_PASSWORD })
    expect(response.status).toBe(400)
    expect(await tryLogin(COSMO.password)).toBe(200)
  })

  it('when a user changes the password twice at once, one change succeeds and the other returns 401 (ASVS 2.3.4)', async () => {
    const [one, two] = [await startSession(), await startSession()]
    const responses = await Promise.all([
      changePassword(one.access_token, {
        current_password: COSMO.password,
        new_password: `${NEW_PASSWORD} one`,
      }),
      changePassword(two.access_token, {
        current_password: COSMO.password,
        new_password: `${NEW_PASSWORD} two`,
      }),
    ])
    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 401])
    const winner = responses[0]?.status === 200 ? 'one' : 'two'
    expect(await tryLogin(`${NEW_PASSWORD} ${winner}`)).toBe(200)
  })

  it('a password change with a refresh token is rejected and changes nothing', async () => {
    const { refresh_token: token } = await startSession()
    expect(
      (
        await changePassword(token, {
          current_password: COSMO.password,
          new_password: NEW_PASSWORD,
        })
      ).status,
    ).toBe(401)
    expect(await tryLogin(COSMO.password)).toBe(200)
  })
})
