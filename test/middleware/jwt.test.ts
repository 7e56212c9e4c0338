import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'

import {
  type Genuine,
  remint,
  seal,
  startGenuine,
  toLooseSegment,
  withHeader,
  withPayload,
} from '../auth/tokens/forge.ts'
import { EXPIRED, FORGERIES, INVALID, OTHER, SIGNATURE } from '../auth/tokens/forgeries.ts'
import { COSMO, addUser, fetchApp, getWithToken, login, now } from '../helpers.ts'

let genuine: Genuine
let token: string
beforeAll(async () => {
  await addUser()
  genuine = await startGenuine()
  token = genuine.token
})

const ask = (authorization: string) =>
  fetchApp('/protected', { headers: { Authorization: authorization } })

/** Refused with this text alone: `msg` is the only key, and the challenge describes the same. */
async function expectRefusal(response: Response, msg: string): Promise<void> {
  expect(response.status).toBe(401)
  expect(await response.text()).toBe(JSON.stringify({ msg }))
  expect(response.headers.get('Content-Type')).toBe('application/json')
  expect(response.headers.get('WWW-Authenticate')).toBe(
    `Bearer realm="latchkey", error="invalid_token", error_description="${msg}"`,
  )
}

describe('a forged token is refused with a fixed text, which holds nothing of it:', () => {
  it.each(FORGERIES)('%s → %s', async (_, msg, make) => {
    await expectRefusal(await getWithToken('/protected', await make(genuine)), msg)
  })

  it('the table holds 60 and more, each with a title of its own', () => {
    expect(FORGERIES.length).toBeGreaterThanOrEqual(60)
    expect(new Set(FORGERIES.map(([title]) => title)).size).toBe(FORGERIES.length)
  })

  it('before any signature is computed, when it is too long or its key is unknown (ASVS 15.2.2)', async () => {
    const kid = 'x'.repeat(16)
    const forged = [
      await remint(genuine, { filler: 'x'.repeat(100_000) }),
      await remint(genuine, { filler: 'x'.repeat(5000) }),
      await remint(genuine, {}, { kid }),
      `${token}=`,
      token.slice(0, token.lastIndexOf('.')),
    ]
    const verify = vi.spyOn(crypto.subtle, 'verify')
    for (const one of forged) expect((await getWithToken('/protected', one)).status).toBe(401)
    expect(verify).not.toHaveBeenCalled()
  })

  it('to HEAD as to GET', async () => {
    const headers = { Authorization: `Bearer ${await remint(genuine, { exp: 1 })}` }
    const response = await fetchApp('/protected', { method: 'HEAD', headers })
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toContain(EXPIRED)
  })
})

describe('a genuine token passes, so that a forged one is refused for what is forged:', () => {
  const first = (json: object, text: string) => JSON.stringify(json).replace('{', `{${text},`)
  const unsealed = () => token.slice(0, token.lastIndexOf('.'))

  it.each<[title: string, make: (g: Genuine) => string | Promise<string>]>([
    ['as the Worker gave it', () => token],
    [
      'with spaces behind its JSON',
      (g) => seal([g.header, g.claims].map(toLooseSegment).join('.')),
    ],
    ['with typ in lower case', (g) => remint(g, {}, { typ: 'jwt' })],
    ['without typ', (g) => remint(g, {}, { typ: undefined })],
    ['with a claim that nobody knows', (g) => remint(g, { unknown: null })],
    ['with a role', (g) => remint(g, { roles: ['admin'] })],
    ['with a good exp behind a bad one', (g) => withPayload(g, first(g.claims, '"exp":1'))],
    ['with a good alg behind a bad one', (g) => withHeader(g, first(g.header, '"alg":"none"'))],
  ])('%s', async (_, make) => {
    expect((await getWithToken('/protected', await make(genuine))).status).toBe(200)
  })

  it('signed again unchanged, it is the same byte for byte', async () => {
    expect(await remint(genuine, {})).toBe(token)
    expect(await seal(unsealed())).toBe(token)
  })

  it('its header may point anywhere: nothing is fetched (ASVS 9.1.3)', async () => {
    const outbound = vi.spyOn(globalThis, 'fetch')
    const pointers = { jku: 'https://evil.test/jwks', x5u: 'https://evil.test/cert', jwk: {} }
    const header = JSON.stringify({ ...genuine.header, ...pointers })
    expect((await getWithToken('/protected', await withHeader(genuine, header))).status).toBe(200)
    const forged = await withHeader(genuine, header, { secret: OTHER })
    await expectRefusal(await getWithToken('/protected', forged), SIGNATURE)
    expect(outbound).not.toHaveBeenCalled()
  })
})

describe('the clock, stopped (RFC 7519 4.1):', () => {
  const OFFSETS = [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6]
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: now() * 1000 }))
  afterEach(() => void vi.useRealTimers())

  it.each([
    ['exp', EXPIRED, [-6, -5]],
    ['nbf', INVALID, [6]],
    ['iat', INVALID, [6]],
  ])(
    '%s from now − 6 to now + 6 seconds is "%s" at %j alone (ASVS 9.2.1)',
    async (name, msg, at) => {
      const times = { iat: now() - 10, exp: now() + 10 }
      const refused: number[] = []
      for (const offset of OFFSETS) {
        const shifted = await remint(genuine, { ...times, [name]: now() + offset })
        const response = await getWithToken('/protected', shifted)
        if (response.status === 200) continue
        await expectRefusal(response, msg)
        refused.push(offset)
      }
      expect(refused).toEqual(at)
    },
  )

  it('a token of the Worker is good for 15 minutes and five seconds, to the second', async () => {
    await addUser()
    const issued = now()
    const own = await login()
    vi.setSystemTime((issued + 904) * 1000 + 999)
    expect((await getWithToken('/protected', own)).status).toBe(200)
    vi.setSystemTime((issued + 905) * 1000)
    await expectRefusal(await getWithToken('/protected', own), EXPIRED)
  })

  it('a token lives no longer than the setting says, whatever its exp', async () => {
    const old = (age: number) => remint(genuine, { iat: now() - age, exp: now() + 10_000 })
    expect((await getWithToken('/protected', await old(904))).status).toBe(200)
    await expectRefusal(await getWithToken('/protected', await old(905)), EXPIRED)
  })
})

const MISSING = 'Missing Authorization Header'
const TYPE =
  "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'"
const BAD = "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"

/** Refused as a request without a token: the challenge has no error code (RFC 6750 3.1). */
async function expectNoCredentials(response: Response, msg: string): Promise<void> {
  expect(response.status).toBe(401)
  expect(await response.text()).toBe(JSON.stringify({ msg }))
  expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="latchkey"')
}

describe('the Authorization header, around a genuine token (RFC 6750 2.1, 3.1)', () => {
  it.each<[title: string, msg: string, make: () => string]>([
    ['empty', MISSING, () => ''],
    ['of white space', MISSING, () => ' \t '],
    ['of another scheme', TYPE, () => `Basic ${btoa(`${COSMO.username}:${COSMO.password}`)}`],
    ['of another scheme with the token', TYPE, () => `JWT ${token}`],
    ['of a scheme that begins alike', TYPE, () => `BearerToken ${token}`],
    ['of a scheme that is cut short', TYPE, () => `Beare ${token}`],
    ['of the token alone', TYPE, () => token],
    ['with a tab', TYPE, () => `Bearer\t${token}`],
    ['with a comma', TYPE, () => `Bearer,${token}`],
    ['with a colon', TYPE, () => `Bearer: ${token}`],
    ['without a space', TYPE, () => `Bearer${token}`],
    ['of Bearer alone', BAD, () => 'Bearer'],
    ['of Bearer and a space', BAD, () => 'Bearer '],
    ['of two tokens', BAD, () => `Bearer ${token} ${token}`],
    ['of the token and a word', BAD, () => `Bearer ${token} x`],
    ['of Bearer twice', BAD, () => `Bearer Bearer ${token}`],
    ['of a list', BAD, () => `Bearer ${token}, Bearer ${token}`],
    ['of a list of schemes', BAD, () => `Bearer ${token}, Basic eA==`],
  ])('%s is 401 without an error code: %s', async (_, msg, make) => {
    await expectNoCredentials(await ask(make()), msg)
  })

  it('missing is 401 without an error code', async () => {
    await expectNoCredentials(await fetchApp('/protected'), MISSING)
  })

  it('twice in one request is refused, in either order (ASVS 15.3.7)', async () => {
    for (const values of [
      [`Bearer ${token}`, `Bearer ${token}`],
      [`Bearer ${token}`, 'Basic eA=='],
    ]) {
      const headers = new Headers(values.map((value) => ['Authorization', value]))
      await expectNoCredentials(await fetchApp('/protected', { headers }), BAD)
    }
    const headers = new Headers([
      ['Authorization', 'Basic eA=='],
      ['Authorization', `Bearer ${token}`],
    ])
    await expectNoCredentials(await fetchApp('/protected', { headers }), TYPE)
  })

  it.each(['bearer', 'BEARER', 'bEaReR', 'Bearer '])(
    'takes the scheme in any case and any number of spaces: "%s" (RFC 9110 11.1)',
    async (scheme) => expect((await ask(`${scheme} ${token}`)).status).toBe(200),
  )

  it('is the only place for a token (RFC 6750 2, ASVS 14.2.1)', async () => {
    await expectNoCredentials(await fetchApp(`/protected?access_token=${token}`), MISSING)
    await expectNoCredentials(await fetchApp(`/protected?jwt=${token}`), MISSING)
    for (const name of ['Cookie', 'X-Access-Token', 'Proxy-Authorization']) {
      const headers = { [name]: `Bearer ${token}; access_token=${token}` }
      await expectNoCredentials(await fetchApp('/protected', { headers }), MISSING)
    }
  })

  it('is answered with a challenge that names neither the host nor the path of the request', async () => {
    const response = await fetchApp('/protected?x="', { headers: { Host: 'evil.test' } })
    await expectNoCredentials(response, MISSING)
  })
})
