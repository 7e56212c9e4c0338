import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { validateOwnUsername } from '../../src/auth/usernames.ts'
import { Roles } from '../../src/contract/requests.ts'
import { listUsers } from '../../src/db/users.ts'
import { COSMO, addUser, login } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const open = createIsolate({ SIGNUP: 'open' })
const PASSWORD = 'analytical engine'
beforeEach(() => addUser(COSMO, ['admin']))

const send = (method: string, path: string, body: object, token = '') =>
  open.fetch(path, {
    method,
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
const signUp = (username: string) => send('POST', '/signup', { username, password: PASSWORD })
const listUsernames = async () =>
  (await listUsers(env.DB, { limit: 50 })).users.map(({ username }) => username)

const LOOKS_LIKE_OTHERS = 'Contains characters that look like others.'
const IS_RESERVED = 'Is reserved.'
const IS_INVISIBLE = 'Contains a control or invisible character.'

describe('nobody can sign up under a name that passes for another:', () => {
  it.each([
    ['аdmin', 'a Cyrillic first letter', LOOKS_LIKE_OTHERS],
    ['cοsmo', 'a Greek omicron', LOOKS_LIKE_OTHERS],
    ['сосо', 'Cyrillic letters that all look Latin', LOOKS_LIKE_OTHERS],
    ['ΑΝΝΑ', 'Greek letters that all look Latin', LOOKS_LIKE_OTHERS],
    ['օհոս', 'Armenian letters that all look Latin', LOOKS_LIKE_OTHERS],
    ['ᎪᎠᎪ', 'Cherokee letters', LOOKS_LIKE_OTHERS],
    ['\uFF41\uFF44\uFF4D\uFF49\uFF4E', 'wide letters', LOOKS_LIKE_OTHERS],
    ['\u2102osmo', 'a mathematical letter', LOOKS_LIKE_OTHERS],
    ['\u{1D41C}osmo', 'a mathematical bold letter', LOOKS_LIKE_OTHERS],
    ['\u24D2osmo', 'an enclosed letter', LOOKS_LIKE_OTHERS],
    ['\uFB01ona', 'a ligature', LOOKS_LIKE_OTHERS],
    ['cosmo²', 'a superscript', LOOKS_LIKE_OTHERS],
    ['ɑda', 'a phonetic letter', LOOKS_LIKE_OTHERS],
    ['a‐b', 'a hyphen beyond ASCII', LOOKS_LIKE_OTHERS],
    ['oʼbrien', 'an apostrophe beyond ASCII', LOOKS_LIKE_OTHERS],
    ['৪oss', 'a Bengali digit', LOOKS_LIKE_OTHERS],
    ['van  berg', 'two spaces', LOOKS_LIKE_OTHERS],
    ['admin', 'a reserved name', IS_RESERVED],
    ['Root', 'a reserved name in another case', IS_RESERVED],
    ['ádmin', 'a reserved name with an accent', IS_RESERVED],
    ['a.d-m_i n', 'a reserved name with punctuation', IS_RESERVED],
    ['adm1n', 'a reserved name with a digit', IS_RESERVED],
    ['r00t', 'a reserved name with zeros', IS_RESERVED],
    ['admın', 'a reserved name with an i without its dot', IS_RESERVED],
    ['heIp', 'a reserved name with a capital i', IS_RESERVED],
    ['a\u00A0b', 'a no-break space', IS_INVISIBLE],
    ['a\u2028b', 'a line separator', IS_INVISIBLE],
    ['a\u2003b', 'an em space', IS_INVISIBLE],
    ['a\u200Db', 'a joiner', IS_INVISIBLE],
  ])('%s (%s) is a 400', async (username, _, reason) => {
    const response = await signUp(username)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: { username: [reason] } })
    expect(await listUsernames()).toEqual([COSMO.username])
  })

  it.each([
    'ada',
    'Zoë van der Berg',
    'o@example.com',
    "o'brien-2",
    'ışık',
    'Анна',
    'Дмитрий',
    'Νίκος',
    'محمد',
    'דוד',
    '田中さん',
    'タロー',
    '김철수',
    'प्रिया',
    'สมชาย',
    'administrative',
    'rooter',
    '007',
  ])('%s is a name of its own', (username) => expect(validateOwnUsername(username)).toBeUndefined())

  it('an admin can create such a user knowingly', async () => {
    const body = { username: 'support', password: PASSWORD }
    expect((await send('POST', '/users', body, await login())).status).toBe(201)
  })
})

it.each(['a\u00A0b', 'a\u2028b', 'a\u200Bb', 'a\u3164', '\u2800', 'a\u0000'])(
  'a role with the invisible character in %j is a 400, so that no role passes for another',
  async (role) => {
    const body = { username: 'ada', password: PASSWORD, roles: [role] }
    expect((await send('POST', '/users', body, await login())).status).toBe(400)
    expect(Roles.safeParse(['night watch']).success).toBe(true)
  },
)

describe('the name of a removed user', () => {
  beforeEach(async () => {
    await addUser({ username: 'Straße', password: PASSWORD })
    const headers = { Authorization: `Bearer ${await login()}` }
    const path = `/users/${encodeURIComponent('Straße')}`
    await open.fetch(path, { method: 'DELETE', headers })
  })

  it.each(['Straße', 'STRASSE'])(
    'is taken for a sign-up as %s, so that nobody inherits what other services keep for it',
    async (username) => {
      const response = await signUp(username)
      expect(response.status).toBe(409)
      expect(await response.json()).toEqual({ error: { username: ['Is taken already.'] } })
      expect(await listUsernames()).toEqual([COSMO.username])
    },
  )

  it('can be given again by an admin, who knows who had it', async () => {
    const body = { username: 'Straße', password: PASSWORD }
    expect((await send('POST', '/users', body, await login())).status).toBe(201)
  })
})
