import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { KeyRing } from '../../../src/auth/keys/key-ring.ts'
import { type Claims, verifyToken } from '../../../src/auth/tokens/verify.ts'
import { MAX_LENGTH, MAX_TOKENS, VerifiedTokens } from '../../../src/auth/tokens/token-cache.ts'
import type { AppError } from '../../../src/errors.ts'
import { addUser, genuineHeader, genuineRing, signSegments, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const NOW = 1_800_000_000
const SETTINGS = { JWT_ISSUER: 'me', JWT_AUDIENCE: 'you', ACCESS_TOKEN_SECONDS: 900 }
const CLAIMS = {
  iss: 'me',
  aud: 'you',
  sub: 'cosmo',
  type: 'access',
  sid: 's',
  jti: 'j',
  roles: ['reader'],
  auth_time: NOW,
  iat: NOW,
  exp: NOW + 900,
}
const mint = async (changed: object = {}) =>
  signSegments(JSON.stringify(await genuineHeader()), JSON.stringify({ ...CLAIMS, ...changed }))

let token: string
let ring: KeyRing
const spyOnVerify = () => vi.spyOn(crypto.subtle, 'verify')
let verifications: ReturnType<typeof spyOnVerify>
beforeEach(async () => {
  token = await mint()
  ring = { ...(await genuineRing()) } // a ring object of its own, which remembers nothing yet
  verifications = spyOnVerify()
})

/** The subject of a token that is good, or the code that refuses it. */
const judge = (text: string, { now = NOW, settings = {}, under = ring } = {}): Promise<string> =>
  verifyToken(text, under, { ...SETTINGS, ...settings }, now).then(
    ({ sub }: Claims) => sub,
    (error: AppError) => error.code,
  )

/** Makes the token known: from here on its signature is not checked again. */
async function learn(): Promise<void> {
  for (let time = 0; time < 3; time += 1) expect(await judge(token)).toBe('cosmo')
  expect(verifications).toHaveBeenCalledTimes(1)
}

describe('a known token, whose signature is not checked again, is refused all the same', () => {
  beforeEach(learn)

  it.each<[when: string, code: string, options: Parameters<typeof judge>[1]]>([
    ['from the second at which it expires', 'token_expired', { now: NOW + 905 }],
    ['by a clock at which it is not yet valid', 'token_invalid', { now: NOW - 6 }],
    [
      'once a shorter lifetime is set',
      'token_expired',
      { now: NOW + 65, settings: { ACCESS_TOKEN_SECONDS: 60 } },
    ],
    ['once the issuer is another', 'token_invalid', { settings: { JWT_ISSUER: 'other' } }],
    ['once the audience is another', 'token_invalid', { settings: { JWT_AUDIENCE: 'other' } }],
  ])('%s: %s (RFC 7519 4.1, ASVS 9.2.1, 9.2.3)', async (_, code, options) => {
    expect(await judge(token, options)).toBe(code)
    expect(await judge(token, { now: NOW + 904 })).toBe('cosmo')
    expect(verifications).toHaveBeenCalledTimes(1)
  })

  it('once its key has left the ring', async () => {
    const other = { current: ring.current, byKid: new Map() }
    expect(await judge(token, { under: other })).toBe('token_signature')
  })
})

it('under another ring with the same key a known token is verified anew', async () => {
  await learn()
  expect(await judge(token, { under: { ...ring } })).toBe('cosmo')
  expect(verifications).toHaveBeenCalledTimes(2)
})

it('a known token with any one character changed is not known, and is refused (ASVS 9.1.1)', async () => {
  await learn()
  const codes = new Set<string>()
  for (let at = 0; at < token.length; at += 1) {
    const changed = token[at] === 'A' ? 'B' : 'A'
    codes.add(await judge(token.slice(0, at) + changed + token.slice(at + 1)))
  }
  for (const text of [
    `${token}A`,
    `A${token}`,
    token.slice(0, -1),
    token.toLowerCase(),
    `${token} `,
  ])
    codes.add(await judge(text))
  expect([...codes].toSorted()).toEqual(['token_invalid', 'token_malformed', 'token_signature'])
  const before = verifications.mock.calls.length
  expect(await judge(token)).toBe('cosmo')
  expect(verifications).toHaveBeenCalledTimes(before)
})

describe('nothing is remembered of a token', () => {
  const expectTwice = async (text: string, code: string, options = {}) => {
    for (const times of [1, 2]) {
      expect(await judge(text, options)).toBe(code)
      expect(verifications).toHaveBeenCalledTimes(times)
    }
  }

  it('that was refused: its signature is checked each time', async () => {
    await expectTwice(token, 'token_expired', { now: NOW + 905 })
    verifications.mockClear()
    await expectTwice(token, 'token_invalid', { settings: { JWT_ISSUER: 'other' } })
    verifications.mockClear()
    await expectTwice(await mint({ roles: 'admin' }), 'token_invalid')
    verifications.mockClear()
    await expectTwice(`${token.slice(0, -2)}AA`, 'token_signature')
  })

  it('for refreshing, which is used once', async () => {
    await expectTwice(await mint({ type: 'refresh', jti: 's.1' }), 'cosmo')
  })

  it(`of more than ${MAX_LENGTH} characters`, async () => {
    await expectTwice(await mint({ roles: ['x'.repeat(MAX_LENGTH)] }), 'cosmo')
  })
})

it('what a known token says cannot be changed for the requests that come after', async () => {
  await learn()
  const claims = await verifyToken(token, ring, SETTINGS, NOW)
  expect(() => Object.assign(claims, { sub: 'admin' })).toThrow(TypeError)
  const { roles } = claims as { roles: unknown }
  expect(() => (roles as string[]).push('admin')).toThrow(TypeError)
  expect(await verifyToken(token, ring, SETTINGS, NOW)).toEqual(CLAIMS)
})

describe('over HTTP, in two isolates', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] })
    return addUser()
  })
  afterEach(() => void vi.useRealTimers())

  it('a known token is refused once its session is revoked: here at once, elsewhere within REVOCATION_SECONDS', async () => {
    const { access_token: access } = await startSession()
    const [here, there] = [createIsolate(), createIsolate()]
    verifications.mockClear()
    for (const isolate of [here, there, here, there])
      expect((await isolate.get('/protected', access)).status).toBe(200)
    expect(verifications).toHaveBeenCalledTimes(2)
    expect((await here.post('/logout', access)).status).toBe(200)
    expect(await (await here.get('/protected', access)).json()).toEqual({
      msg: 'Token has been revoked',
    })
    vi.setSystemTime(Date.now() + Number(env.REVOCATION_SECONDS) * 1000)
    expect(await (await there.get('/protected', access)).json()).toEqual({
      msg: 'Token has been revoked',
    })
    expect(verifications).toHaveBeenCalledTimes(2)
  })

  it('a known token is refused by a Worker whose ring no longer has its key', async () => {
    const { access_token: access } = await startSession()
    expect((await createIsolate().get('/protected', access)).status).toBe(200)
    const rotated = createIsolate({ JWT_SECRET: 'zQ8xW2vB5nM1kJ7hG4fD9sA3pO6iU0yT' })
    expect(await (await rotated.get('/protected', access)).json()).toEqual({
      msg: 'Signature verification failed',
    })
  })
})

describe('the memory is bounded', () => {
  const fill = (count: number, tokens = new VerifiedTokens<number>()) => {
    for (let number = 0; number < count; number += 1) tokens.add(`token${number}`, number)
    return tokens
  }

  it(`to ${MAX_TOKENS} tokens: of ten times as many, those before the newest are forgotten`, () => {
    const count = MAX_TOKENS * 10
    const tokens = fill(count)
    expect(tokens.get(`token${count - 1}`)).toBe(count - 1)
    expect(tokens.get(`token${count - MAX_TOKENS / 2}`)).toBe(count - MAX_TOKENS / 2)
    for (let number = 0; number < count - MAX_TOKENS; number += 1)
      expect(tokens.get(`token${number}`)).toBeUndefined()
  })

  it('and a token that is asked for stays, while others come and go', () => {
    const tokens = new VerifiedTokens<number>()
    tokens.add('mine', 1)
    const seen = new Set<number | undefined>()
    for (let number = 0; number < MAX_TOKENS * 4; number += 1) {
      tokens.add(`token${number}`, number)
      if (number % 1000 === 0) seen.add(tokens.get('mine'))
    }
    expect([...seen]).toEqual([1])
  })
})
