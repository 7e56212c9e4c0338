import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { validateUsername } from '../../src/auth/usernames.ts'
import * as changes from '../../src/db/user-changes.ts'
import { foldUsername, listUsers } from '../../src/db/users.ts'
import { addUser, now, readSegment, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const changeUser = (username: string, change: changes.UserChange, at = now(), actor?: string) =>
  changes.changeUser(env.DB, { username, change, actor }, at)
const deleteUser = (username: string, actor?: string) =>
  changes.deleteUser(env.DB, { username, actor }, now())

const ADA = { username: 'ada', password: 'analytical engine' }
beforeEach(async () => {
  await addUser()
  await addUser(ADA)
})

describe('session revocation by an operator (ASVS 7.4.2, 7.4.5)', () => {
  it.each([
    ['disabling the user', () => changeUser('cosmo', { disabled: true })],
    ['removing the user', () => deleteUser('cosmo')],
    ['setting a password', () => changeUser('cosmo', { passwordHash: 'hash' })],
    ['logging the user out', () => changeUser('cosmo', {})],
    ['changing the roles', () => changeUser('cosmo', { roles: ['admin'] })],
  ])('%s revokes the sessions of that user and of no other', async (_, change) => {
    const [tokens, adas] = [await startSession(), await startSession(ADA)]
    const { sid } = readSegment(tokens.access_token, 1)
    expect(await change()).toMatchObject({ user: { username: 'cosmo' }, revoked: [sid] })
    const isolate = createIsolate()
    expect((await isolate.get('/protected', tokens.access_token)).status).toBe(401)
    expect((await isolate.post('/refresh', tokens.refresh_token)).status).toBe(401)
    expect((await isolate.get('/protected', adas.access_token)).status).toBe(200)
    expect((await isolate.post('/refresh', adas.refresh_token)).status).toBe(200)
  })

  it('a new user with the name of a removed one does not inherit its tokens (ASVS 10.3.3, RFC 8725 3.8)', async () => {
    const tokens = await startSession()
    await deleteUser('cosmo')
    await addUser()
    const isolate = createIsolate()
    expect((await isolate.get('/protected', tokens.access_token)).status).toBe(401)
    expect((await isolate.post('/refresh', tokens.refresh_token)).status).toBe(401)
  })
})

it('enabling a user allows logins again and revokes no session', async () => {
  const tokens = await startSession()
  await changeUser('cosmo', { disabled: false })
  expect((await createIsolate().get('/protected', tokens.access_token)).status).toBe(200)
  await changeUser('cosmo', { disabled: true })
  expect(await startSession()).not.toHaveProperty('access_token')
  await changeUser('cosmo', { disabled: false })
  expect(await startSession()).toHaveProperty('access_token')
})

it('a change keeps the fields that it omits', async () => {
  await changeUser('cosmo', { roles: ['a'], passwordHash: 'b', disabled: true }, 5)
  const [kept] = (await listUsers(env.DB, { limit: 1, prefix: 'cosmo' })).users
  expect(kept).toMatchObject({ roles: ['a'], passwordHash: 'b', disabledAt: 5 })
  for (const change of [{ roles: ['a'] }, { passwordHash: 'b' }, { disabled: true }, {}])
    expect(await changeUser('cosmo', change, 9)).toMatchObject({ user: kept })
})

it('a change of an unknown user fails with not_found', async () => {
  for (const change of [{ disabled: true }, { disabled: false }, { roles: [] }, {}])
    await expect(changeUser('ghost', change)).rejects.toMatchObject({ code: 'not_found' })
  await expect(deleteUser('ghost')).rejects.toMatchObject({ code: 'not_found' })
})

describe('the last admin (ASVS 8.2.1)', () => {
  const sidOf = async (credentials?: typeof ADA) =>
    String(readSegment((await startSession(credentials)).access_token, 1).sid)
  const removals: [string, (name: string, actor: string) => Promise<unknown>][] = [
    ['demoted', (name, actor) => changeUser(name, { roles: ['x'] }, now(), actor)],
    ['disabled', (name, actor) => changeUser(name, { disabled: true }, now(), actor)],
    ['removed', deleteUser],
  ]
  it.each(removals)('cannot be %s by themselves and stays logged in', async (_, remove) => {
    await changeUser('ada', { roles: ['admin'] })
    const { access_token: token } = await startSession(ADA)
    const { sid } = readSegment(token, 1)
    await expect(remove('ada', String(sid))).rejects.toMatchObject({ code: 'last_admin' })
    expect((await createIsolate().get('/protected', token)).status).toBe(200)
    expect(await remove('cosmo', String(sid))).toMatchObject({ user: { username: 'cosmo' } })
  })

  it.each(removals)(
    'remains when two admins are %s by themselves at the same time',
    async (_, remove) => {
      for (const name of ['ada', 'cosmo']) await changeUser(name, { roles: ['admin'] })
      const [ada, cosmo] = [await sidOf(ADA), await sidOf()]
      const results = await Promise.allSettled([remove('ada', ada), remove('cosmo', cosmo)])
      const failed = results.filter(({ status }) => status === 'rejected')
      expect(failed).toMatchObject([{ reason: { code: 'last_admin' } }])
    },
  )

  it.each(removals)('remains when two admins are %s by each other at once', async (_, remove) => {
    for (const name of ['ada', 'cosmo']) await changeUser(name, { roles: ['admin'] })
    const [ada, cosmo] = [await sidOf(ADA), await sidOf()]
    const results = await Promise.allSettled([remove('ada', cosmo), remove('cosmo', ada)])
    const failed = results.filter(({ status }) => status === 'rejected')
    expect(failed).toMatchObject([{ reason: { code: 'token_revoked' } }])
  })

  it('is not there when the other admin is disabled, or has a similar role', async () => {
    await changeUser('ada', { roles: ['admin'] })
    const actor = await sidOf(ADA)
    await changeUser('cosmo', { roles: ['admin'], disabled: true })
    await addUser({ username: 'eve', password: 'x' }, ['Admin', 'a"admin"b', 'admins', '"admin"'])
    await expect(deleteUser('ada', actor)).rejects.toMatchObject({ code: 'last_admin' })
  })

  it('can be removed by an operator, who needs none', async () => {
    await changeUser('ada', { roles: ['admin'] })
    expect(await deleteUser('ada')).toMatchObject({ user: { username: 'ada' } })
  })
})

describe('usernames that differ only in case', () => {
  it.each([
    ['eve', 'Eve'],
    ['straße', 'STRASSE'],
    ['Zoë', 'ZOË'.normalize('NFD').normalize('NFC')],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
    ['STRAẞE', 'straße'],
  ])('a username cannot be added if it exists in another case: %s, %s', async (one, other) => {
    const add = (username: string) =>
      changes.insertUser(env.DB, { username, passwordHash: 'hash', roles: [] }, now())
    await add(one)
    await expect(add(other)).rejects.toMatchObject({ code: 'username_taken' })
    expect(foldUsername(one)).toBe(foldUsername(other))
  })

  it('a username added without the folded column is listed by its prefix', async () => {
    const insert = 'INSERT INTO users (username, password_hash, created_at) VALUES (?1, ?2, 1)'
    await env.DB.prepare(insert).bind('COSMO', 'hash').run()
    const { users } = await listUsers(env.DB, { limit: 9, prefix: 'cosmo' })
    expect(users.map(({ username }) => username)).toEqual(['cosmo', 'COSMO'])
  })

  it('a username is found by a prefix that ends with a sigma', async () => {
    await addUser({ username: 'ΑΣΑ', password: 'x' })
    expect((await listUsers(env.DB, { limit: 5, prefix: 'ΑΣ' })).users).toHaveLength(1)
  })

  it('a username is found by a prefix in another case', async () => {
    await addUser({ username: 'Adam', password: 'x' })
    const { users } = await listUsers(env.DB, { limit: 5, prefix: 'AD' })
    expect(users.map(({ username }) => username)).toEqual(['ada', 'Adam'])
  })
})

it('adding one username 50 times concurrently creates a single user', async () => {
  const user = { username: 'eve', passwordHash: 'hash', roles: [] }
  const added = await Promise.allSettled(
    Array.from({ length: 50 }, () => changes.insertUser(env.DB, user, now())),
  )
  const failed = added.filter(({ status }) => status === 'rejected')
  expect(failed).toHaveLength(49)
  for (const { reason } of failed as PromiseRejectedResult[])
    expect(reason).toMatchObject({ code: 'username_taken' })
  const names = (await listUsers(env.DB, { limit: 10 })).users.map(({ username }) => username)
  expect(names).toEqual(['ada', 'cosmo', 'eve'])
})

describe('validateUsername', () => {
  it.each(['a', 'x'.repeat(64), '🔑'.repeat(64), 'Zoë van der Berg', 'o@example.com'])(
    'a username may be %s',
    (name) => expect(validateUsername(name)).toBeUndefined(),
  )

  it.each([
    ['', 'Shorter than minimum length 1.'],
    ['x'.repeat(65), 'Longer than maximum length 64.'],
    ['a\u0000b', 'Contains a control or invisible character.'],
    ['a\u200Bb', 'Contains a control or invisible character.'],
    ['a\u202Eb', 'Contains a control or invisible character.'],
    ['ada\u034F', 'Contains a control or invisible character.'],
    ['ada\uFE0F', 'Contains a control or invisible character.'],
    ['ㅤ', 'Contains a control or invisible character.'],
    ['\u2800', 'Contains a control or invisible character.'],
    ['.', 'Is part of a path.'],
    ['..', 'Is part of a path.'],
    ['a\u00A0b', 'Contains a control or invisible character.'],
    ['a\u2028b', 'Contains a control or invisible character.'],
    ['a\u3000b', 'Contains a control or invisible character.'],
    ['a\u202Fb', 'Contains a control or invisible character.'],
    [' a', 'Begins or ends with whitespace.'],
    ['a\u00A0', 'Begins or ends with whitespace.'],
  ])('a username must not be %j', (name, message) => expect(validateUsername(name)).toBe(message))
})
