import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { COSMO, addUser, getWithToken, postJson, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const isolate = createIsolate()
const NEXT = 'correct horse battery'

beforeEach(() => addUser(COSMO, ['editor']))

const change = (token: string, body: unknown) =>
  isolate.fetch('/me/password', {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
const logIn = async (password: string) =>
  (await postJson('/login', { username: COSMO.username, password })).status

it('GET /me says who the token is for', async () => {
  const { access_token: token } = await startSession()
  const response = await getWithToken('/me', token)
  expect(await response.json()).toEqual({
    username: 'cosmo',
    roles: ['editor'],
    auth_time: expect.any(Number),
  })
})

it('who is asking is what the token says, whatever else the request names (ASVS 7.2.1, 8.3.1)', async () => {
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
  it('with the current password changes it and ends the other sessions (ASVS 6.2.2, 7.4.3)', async () => {
    const [own, other] = [await startSession(), await startSession()]
    const response = await change(own.access_token, {
      current_password: COSMO.password,
      new_password: NEXT,
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('{"message":"Password changed"}')
    expect(await logIn(COSMO.password)).toBe(401)
    expect(await logIn(NEXT)).toBe(200)
    expect((await isolate.get('/protected', other.access_token)).status).toBe(401)
    expect((await isolate.post('/refresh', other.refresh_token)).status).toBe(401)
    expect((await isolate.get('/protected', own.access_token)).status).toBe(200)
    expect((await isolate.post('/refresh', own.refresh_token)).status).toBe(200)
  })

  it.each([
    [
      'a wrong current password (ASVS 6.2.3)',
      'space-corgI',
      NEXT,
      'current_password',
      'Wrong password.',
    ],
    [
      'a short new one (ASVS 6.2.1)',
      COSMO.password,
      'x'.repeat(14),
      'new_password',
      'Shorter than minimum length 15.',
    ],
    [
      'a long new one (ASVS 6.2.9)',
      COSMO.password,
      'x'.repeat(129),
      'new_password',
      'Longer than maximum length 128.',
    ],
    [
      'one that holds the name (ASVS 6.2.11)',
      COSMO.password,
      'I am Cosmo the corgi',
      'new_password',
      'Contains the username.',
    ],
    [
      'a common new one (ASVS 6.2.4)',
      COSMO.password,
      '1qaz2wsx3edc4rfv',
      'new_password',
      'Is a common password.',
    ],
    [
      'a new one that ends in half a surrogate pair (ASVS 6.2.8)',
      COSMO.password,
      `${NEXT}\ud83d`,
      'new_password',
      'Not a valid string.',
    ],
    [
      'a common new one in capitals',
      COSMO.password,
      'PASSWORDPASSWORD',
      'new_password',
      'Is a common password.',
    ],
  ])('with %s changes nothing and says why', async (_, current, next, field, text) => {
    const [own, other] = [await startSession(), await startSession()]
    const response = await change(own.access_token, {
      current_password: current,
      new_password: next,
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: { [field]: [text] } })
    expect(await logIn(COSMO.password)).toBe(200)
    expect((await isolate.get('/protected', other.access_token)).status).toBe(200)
  })

  it.each([
    ['roles', ['admin']],
    ['username', 'admin'],
    ['id', 1],
    ['disabled_at', null],
    ['created_at', 0],
    ['password_hash', 'x'],
  ])(
    'with %s beside the passwords is 400 and changes nothing (ASVS 15.3.3)',
    async (name, value) => {
      const rows = () => env.DB.prepare('SELECT * FROM users').all()
      const before = (await rows()).results
      const { access_token: token } = await startSession()
      const response = await change(token, {
        current_password: COSMO.password,
        new_password: NEXT,
        [name]: value,
      })
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ error: { [name]: ['Unknown field.'] } })
      expect((await rows()).results).toEqual(before)
    },
  )

  it('without the current password is 400 (ASVS 6.2.3)', async () => {
    const { access_token: token } = await startSession()
    const response = await change(token, { new_password: NEXT })
    expect(response.status).toBe(400)
    expect(await logIn(COSMO.password)).toBe(200)
  })

  it('of the same user twice at once: one wins, the other is told, none is lost (ASVS 2.3.4)', async () => {
    const [one, two] = [await startSession(), await startSession()]
    const answers = await Promise.all([
      change(one.access_token, { current_password: COSMO.password, new_password: `${NEXT} one` }),
      change(two.access_token, { current_password: COSMO.password, new_password: `${NEXT} two` }),
    ])
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401])
    const won = answers[0]?.status === 200 ? 'one' : 'two'
    expect(await logIn(`${NEXT} ${won}`)).toBe(200)
  })

  it('with a refresh token, or with none, is refused', async () => {
    const { refresh_token: token } = await startSession()
    expect(
      (await change(token, { current_password: COSMO.password, new_password: NEXT })).status,
    ).toBe(401)
    expect(await logIn(COSMO.password)).toBe(200)
  })
})
