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

const sendHeader = (authorization: string) =>
  fetchApp('/protected', { headers: { Authorization: authorization } })

/** Expects a 401 whose only key is `msg`, and a challenge with the same description. */
async function expectRejected(response: Response, msg: string): Promise<void> {
  expect(response.status).toBe(401)
  expect(await response.text()).toBe(JSON.stringify({ msg }))
  expect(response.headers.get('Content-Type')).toBe('application/json')
  expect(response.headers.get('WWW-Authenticate')).toBe(
    `Bearer realm="latchkey", error="invalid_token", error_description="${msg}"`,
  )
}

describe('a forged token', () => {
  it.each(FORGERIES)(
    'the guard rejects a forged token (%s) with the fixed message "%s"',
    async (_, msg, make) => {
      await expectRejected(await getWithToken('/protected', await make(genuine)), msg)
    },
  )

  it('the table contains at least 60 forgeries, each with a unique title', () => {
    expect(FORGERIES.length).toBeGreaterThanOrEqual(60)
    expect(new Set(FORGERIES.map(([title]) => title)).size).toBe(FORGERIES.length)
  })

  it('a token that is too long, malformed or names an unknown key is rejected before any signature check (ASVS 15.2.2)', async () => {
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

  it('HEAD rejects a forged token like GET', async () => {
    const headers = { Authorization: `Bearer ${await remint(genuine, { exp: 1 })}` }
    const response = await fetchApp('/protected', { method: 'HEAD', headers })
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toContain(EXPIRED)
  })
})

describe('valid tokens are accepted, so forged ones are rejected only for the forgery', () => {
  const first = (json: object, text: string) => JSON.stringify(json).replace('{', `{${text},`)
  const withoutSignature = () => token.slice(0, token.lastIndexOf('.'))

  it.each<[title: string, make: (g: Genuine) => string | Promise<string>]>([
    ['as issued by the Worker', () => token],
    [
      'with whitespace after its JSON',
      (g) => seal([g.header, g.claims].map(toLooseSegment).join('.')),
    ],
    ['with typ in lower case', (g) => remint(g, {}, { typ: 'jwt' })],
    ['without typ', (g) => remint(g, {}, { typ: undefined })],
    ['with an unknown claim', (g) => remint(g, { unknown: null })],
    ['with a role', (g) => remint(g, { roles: ['admin'] })],
    ['with a valid exp after an invalid one', (g) => withPayload(g, first(g.claims, '"exp":1'))],
    [
      'with a valid alg after an invalid one',
      (g) => withHeader(g, first(g.header, '"alg":"none"')),
    ],
  ])('the guard accepts a valid token %s', async (_, make) => {
    expect((await getWithToken('/protected', await make(genuine))).status).toBe(200)
  })

  it('a valid token that is signed again unchanged is identical byte for byte', async () => {
    expect(await remint(genuine, {})).toBe(token)
    expect(await seal(withoutSignature())).toBe(token)
  })

  it('the guard never fetches the URLs in a token header (ASVS 9.1.3)', async () => {
    const outbound = vi.spyOn(globalThis, 'fetch')
    const pointers = { jku: 'https://evil.test/jwks', x5u: 'https://evil.test/cert', jwk: {} }
    const header = JSON.stringify({ ...genuine.header, ...pointers })
    expect((await getWithToken('/protected', await withHeader(genuine, header))).status).toBe(200)
    const forged = await withHeader(genuine, header, { secret: OTHER })
    await expectRejected(await getWithToken('/protected', forged), SIGNATURE)
    expect(outbound).not.toHaveBeenCalled()
  })
})

describe('token times with a stopped clock (RFC 7519 4.1)', () => {
  const OFFSETS = [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6]
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: now() * 1000 }))
  afterEach(() => void vi.useRealTimers())

  it.each([
    ['exp', EXPIRED, [-6, -5]],
    ['nbf', INVALID, [6]],
    ['iat', INVALID, [6]],
  ])(
    'the guard checks %s with 5 seconds of clock tolerance and returns "%s" only at offsets %j (ASVS 9.2.1)',
    async (name, msg, expectedOffsets) => {
      const times = { iat: now() - 10, exp: now() + 10 }
      const rejectedAt: number[] = []
      for (const offset of OFFSETS) {
        const shifted = await remint(genuine, { ...times, [name]: now() + offset })
        const response = await getWithToken('/protected', shifted)
        if (response.status === 200) continue
        await expectRejected(response, msg)
        rejectedAt.push(offset)
      }
      expect(rejectedAt).toEqual(expectedOffsets)
    },
  )

  it('an access token is accepted for 15 minutes plus 5 seconds of clock tolerance, to the second', async () => {
    await addUser()
    const issued = now()
    const issuedToken = await login()
    vi.setSystemTime((issued + 904) * 1000 + 999)
    expect((await getWithToken('/protected', issuedToken)).status).toBe(200)
    vi.setSystemTime((issued + 905) * 1000)
    await expectRejected(await getWithToken('/protected', issuedToken), EXPIRED)
  })

  it('an access token never outlives ACCESS_TOKEN_SECONDS, regardless of its exp', async () => {
    const old = (age: number) => remint(genuine, { iat: now() - age, exp: now() + 10_000 })
    expect((await getWithToken('/protected', await old(904))).status).toBe(200)
    await expectRejected(await getWithToken('/protected', await old(905)), EXPIRED)
  })
})

const MISSING = 'Missing Authorization Header'
const TYPE =
  "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'"
const BAD = "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"

/** Expects the response to a request without a token: its challenge has no error code (RFC 6750 3.1). */
async function expectNoCredentials(response: Response, msg: string): Promise<void> {
  expect(response.status).toBe(401)
  expect(await response.text()).toBe(JSON.stringify({ msg }))
  expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="latchkey"')
}

describe('the Authorization header (RFC 6750 2.1, 3.1)', () => {
  it.each<[title: string, msg: string, make: () => string]>([
    ['that is empty', MISSING, () => ''],
    ['of whitespace only', MISSING, () => ' \t '],
    ['with another scheme', TYPE, () => `Basic ${btoa(`${COSMO.username}:${COSMO.password}`)}`],
    ['with the token under another scheme', TYPE, () => `JWT ${token}`],
    ['with a scheme that only starts with Bearer', TYPE, () => `BearerToken ${token}`],
    ['with a truncated scheme', TYPE, () => `Beare ${token}`],
    ['with the token but no scheme', TYPE, () => token],
    ['with a tab after the scheme', TYPE, () => `Bearer\t${token}`],
    ['with a comma after the scheme', TYPE, () => `Bearer,${token}`],
    ['with a colon after the scheme', TYPE, () => `Bearer: ${token}`],
    ['without a space after the scheme', TYPE, () => `Bearer${token}`],
    ['with the scheme but no token', BAD, () => 'Bearer'],
    ['with the scheme and a trailing space', BAD, () => 'Bearer '],
    ['with two tokens', BAD, () => `Bearer ${token} ${token}`],
    ['with a word after the token', BAD, () => `Bearer ${token} x`],
    ['with the scheme twice', BAD, () => `Bearer Bearer ${token}`],
    ['with a list of tokens', BAD, () => `Bearer ${token}, Bearer ${token}`],
    ['with a list of schemes', BAD, () => `Bearer ${token}, Basic eA==`],
  ])('an Authorization header %s returns 401 without an error code: %s', async (_, msg, make) => {
    await expectNoCredentials(await sendHeader(make()), msg)
  })

  it('a request without an Authorization header returns 401 without an error code', async () => {
    await expectNoCredentials(await fetchApp('/protected'), MISSING)
  })

  it('a request with two Authorization headers is rejected, in either order (ASVS 15.3.7)', async () => {
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
    'the guard accepts the scheme in any case and with any number of spaces: "%s" (RFC 9110 11.1)',
    async (scheme) => expect((await sendHeader(`${scheme} ${token}`)).status).toBe(200),
  )

  it('the guard reads a token only from the Authorization header (RFC 6750 2, ASVS 14.2.1)', async () => {
    await expectNoCredentials(await fetchApp(`/protected?access_token=${token}`), MISSING)
    await expectNoCredentials(await fetchApp(`/protected?jwt=${token}`), MISSING)
    for (const name of ['Cookie', 'X-Access-Token', 'Proxy-Authorization']) {
      const headers = { [name]: `Bearer ${token}; access_token=${token}` }
      await expectNoCredentials(await fetchApp('/protected', { headers }), MISSING)
    }
  })

  it('the challenge contains neither the host nor the path of the request', async () => {
    const response = await fetchApp('/protected?x="', { headers: { Host: 'evil.test' } })
    await expectNoCredentials(response, MISSING)
  })
})
