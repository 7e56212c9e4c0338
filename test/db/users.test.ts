import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { usernameProblem } from '../../src/auth/usernames.ts'
import { changeUser, deleteUser } from '../../src/db/user-changes.ts'
import { foldUsername, insertUser, listUsers } from '../../src/db/users.ts'
import { addUser, now, readSegment, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const ADA = { username: 'ada', password: 'analytical engine' }
beforeEach(async () => {
  await addUser()
  await addUser(ADA)
})

describe("what an operator changes ends the user's sessions, and nobody else's (ASVS 7.4.2, 7.4.5):", () => {
  it.each([
    ['disabling', () => changeUser(env.DB, 'cosmo', { disabled: true }, now())],
    ['removing', () => deleteUser(env.DB, 'cosmo', now())],
    ['a new password', () => changeUser(env.DB, 'cosmo', { passwordHash: 'hash' }, now())],
    ['an operator who logs them out', () => changeUser(env.DB, 'cosmo', {}, now())],
    ['other roles', () => changeUser(env.DB, 'cosmo', { roles: ['admin'] }, now())],
  ])('%s', async (_, change) => {
    const [tokens, adas] = [await startSession(), await startSession(ADA)]
    const { sid } = readSegment(tokens.access_token, 1)
    expect(await change()).toMatchObject({ user: { username: 'cosmo' }, ended: [sid] })
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

it('enabling lets a disabled user log in again, and ends nothing', async () => {
  const open = await startSession()
  await changeUser(env.DB, 'cosmo', { disabled: false }, now())
  expect((await createIsolate().get('/protected', open.access_token)).status).toBe(200)
  await changeUser(env.DB, 'cosmo', { disabled: true }, now())
  expect(await startSession()).not.toHaveProperty('access_token')
  await changeUser(env.DB, 'cosmo', { disabled: false }, now())
  expect(await startSession()).toHaveProperty('access_token')
})

it('what a change leaves out stays as it is', async () => {
  await changeUser(env.DB, 'cosmo', { roles: ['a'], passwordHash: 'b', disabled: true }, 5)
  const [kept] = (await listUsers(env.DB, { limit: 1, prefix: 'cosmo' })).users
  expect(kept).toMatchObject({ roles: ['a'], passwordHash: 'b', disabledAt: 5 })
  for (const change of [{ roles: ['a'] }, { passwordHash: 'b' }, { disabled: true }, {}])
    expect(await changeUser(env.DB, 'cosmo', change, 9)).toMatchObject({ user: kept })
})

it('a change of nobody says so', async () => {
  for (const change of [{ disabled: true }, { disabled: false }, { roles: [] }, {}])
    expect(await changeUser(env.DB, 'ghost', change, now())).toBe('no_user')
  expect(await deleteUser(env.DB, 'ghost', now())).toBe('no_user')
})

describe('where an admin must remain, the last one (ASVS 8.2.1)', () => {
  const keep = { keepAdmin: true }
  const takeFrom: [string, (name: string) => Promise<unknown>][] = [
    ['is not demoted', (name) => changeUser(env.DB, name, { roles: ['x'] }, now(), keep)],
    ['is not disabled', (name) => changeUser(env.DB, name, { disabled: true }, now(), keep)],
    ['is not removed', (name) => deleteUser(env.DB, name, now(), keep)],
  ]
  it.each(takeFrom)('%s, and stays logged in', async (_, take) => {
    await changeUser(env.DB, 'ada', { roles: ['admin'] }, now())
    const { access_token: token } = await startSession(ADA)
    expect(await take('ada')).toBe('last_admin')
    expect((await createIsolate().get('/protected', token)).status).toBe(200)
    expect(await take('cosmo')).toMatchObject({ user: { username: 'cosmo' } })
  })

  it.each(takeFrom)('%s by another at the same moment: of two, one is left', async (_, take) => {
    for (const name of ['ada', 'cosmo']) await changeUser(env.DB, name, { roles: ['admin'] }, now())
    const results = await Promise.all([take('ada'), take('cosmo')])
    expect(results.filter((result) => result === 'last_admin')).toHaveLength(1)
  })

  it('a disabled admin, or a role that only looks alike, is none', async () => {
    await changeUser(env.DB, 'ada', { roles: ['admin'] }, now())
    await changeUser(env.DB, 'cosmo', { roles: ['admin'], disabled: true }, now())
    await addUser({ username: 'eve', password: 'x' }, ['Admin', 'a"admin"b', 'admins', '"admin"'])
    expect(await deleteUser(env.DB, 'ada', now(), keep)).toBe('last_admin')
  })

  it('may go all the same when no keeping is asked for', async () => {
    await changeUser(env.DB, 'ada', { roles: ['admin'] }, now())
    expect(await deleteUser(env.DB, 'ada', now())).toMatchObject({ user: { username: 'ada' } })
  })
})

describe('a name in another case', () => {
  it.each([
    ['cosmo', 'Cosmo'],
    ['straße', 'STRASSE'],
    ['Zoë', 'ZOË'.normalize('NFD').normalize('NFC')],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
    ['STRAẞE', 'straße'],
  ])('is taken: %s, %s', async (one, other) => {
    const add = (username: string) =>
      insertUser(env.DB, { username, passwordHash: 'hash', roles: [] }, now())
    await add(one)
    expect(await add(other)).toBeUndefined()
    expect(foldUsername(one)).toBe(foldUsername(other))
  })

  it('is listed when a version from before the folded column has added it', async () => {
    const insert = 'INSERT INTO users (username, password_hash, created_at) VALUES (?1, ?2, 1)'
    await env.DB.prepare(insert).bind('COSMO', 'hash').run()
    const { users } = await listUsers(env.DB, { limit: 9, prefix: 'cosmo' })
    expect(users.map(({ username }) => username)).toEqual(['cosmo', 'COSMO'])
  })

  it('is found by its beginning, also where that ends with a sigma', async () => {
    await addUser({ username: 'ΑΣΑ', password: 'x' })
    expect((await listUsers(env.DB, { limit: 5, prefix: 'ΑΣ' })).users).toHaveLength(1)
  })

  it('is found by its beginning', async () => {
    await addUser({ username: 'Adam', password: 'x' })
    const { users } = await listUsers(env.DB, { limit: 5, prefix: 'AD' })
    expect(users.map(({ username }) => username)).toEqual(['ada', 'Adam'])
  })
})

it('50 concurrent additions of one name make one user', async () => {
  const user = { username: 'eve', passwordHash: 'hash', roles: [] }
  const added = await Promise.all(Array.from({ length: 50 }, () => insertUser(env.DB, user, now())))
  expect(added.filter(Boolean)).toHaveLength(1)
  const names = (await listUsers(env.DB, { limit: 10 })).users.map(({ username }) => username)
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
    ['ada\u034F', 'Holds a control or invisible character.'],
    ['ada\uFE0F', 'Holds a control or invisible character.'],
    ['ㅤ', 'Holds a control or invisible character.'],
    ['\u2800', 'Holds a control or invisible character.'],
    ['.', 'Is part of a path.'],
    ['..', 'Is part of a path.'],
    [' a', 'Begins or ends with white space.'],
    ['a\u00A0', 'Begins or ends with white space.'],
  ])('must not be %j', (name, text) => expect(usernameProblem(name)).toBe(text))
})
