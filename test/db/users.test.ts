import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { usernameProblem } from '../../src/auth/usernames.ts'
import {
  deleteUser,
  disableUser,
  enableUser,
  insertUser,
  listUsers,
  setPasswordHash,
  setRoles,
} from '../../src/db/users.ts'
import { addUser, now, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const ADA = { username: 'ada', password: 'analytical engine' }
beforeEach(async () => {
  await addUser()
  await addUser(ADA)
})

describe("what an operator changes ends the user's sessions, and nobody else's (ASVS 7.4.2, 7.4.5):", () => {
  it.each([
    ['disabling', () => disableUser(env.DB, 'cosmo', now())],
    ['removing', () => deleteUser(env.DB, 'cosmo', now())],
    ['a new password', () => setPasswordHash(env.DB, 'cosmo', 'hash', now())],
    ['other roles', () => setRoles(env.DB, 'cosmo', ['admin'], now())],
  ])('%s', async (_, change) => {
    const [tokens, adas] = [await startSession(), await startSession(ADA)]
    expect(await change()).toBe(true)
    const isolate = createIsolate()
    expect((await isolate.get('/protected', tokens.access_token)).status).toBe(401)
    expect((await isolate.post('/refresh', tokens.refresh_token)).status).toBe(401)
    expect((await isolate.get('/protected', adas.access_token)).status).toBe(200)
    expect((await isolate.post('/refresh', adas.refresh_token)).status).toBe(200)
  })

  it('a user who is made again under a removed name does not inherit its tokens (ASVS 10.3.3, RFC 8725 3.8)', async () => {
    const tokens = await startSession()
    await deleteUser(env.DB, 'cosmo', now())
    await addUser()
    const isolate = createIsolate()
    expect((await isolate.get('/protected', tokens.access_token)).status).toBe(401)
    expect((await isolate.post('/refresh', tokens.refresh_token)).status).toBe(401)
  })
})

it('enabling lets a disabled user log in again', async () => {
  await disableUser(env.DB, 'cosmo', now())
  expect(await startSession()).not.toHaveProperty('access_token')
  expect(await enableUser(env.DB, 'cosmo')).toBe(true)
  expect(await startSession()).toHaveProperty('access_token')
})

it('a change of nobody says so', async () => {
  expect([
    await disableUser(env.DB, 'ghost', now()),
    await enableUser(env.DB, 'ghost'),
    await deleteUser(env.DB, 'ghost', now()),
    await setRoles(env.DB, 'ghost', [], now()),
    await setPasswordHash(env.DB, 'ghost', 'hash', now()),
  ]).toEqual([false, false, false, false, false])
})

it('50 concurrent additions of one name make one user', async () => {
  const user = { username: 'eve', passwordHash: 'hash', roles: [] }
  const added = await Promise.all(Array.from({ length: 50 }, () => insertUser(env.DB, user, now())))
  expect(added.filter(Boolean)).toHaveLength(1)
  const names = (await listUsers(env.DB, 10)).map(({ username }) => username)
  expect(names).toEqual(['ada', 'cosmo', 'eve'])
})

describe('a username', () => {
  it.each(['a', 'x'.repeat(64), '🔑'.repeat(64), 'Zoë van der Berg', 'o@example.com'])(
    'may be %s',
    (name) => expect(usernameProblem(name)).toBeUndefined(),
  )

  it.each([
    ['', 'Shorter than minimum length 1.'],
    ['x'.repeat(65), 'Longer than maximum length 64.'],
    ['a\u0000b', 'Holds a control or invisible character.'],
    ['a\u200Bb', 'Holds a control or invisible character.'],
    ['a\u202Eb', 'Holds a control or invisible character.'],
    [' a', 'Begins or ends with white space.'],
    ['a\u00A0', 'Begins or ends with white space.'],
  ])('must not be %j', (name, text) => expect(usernameProblem(name)).toBe(text))
})
