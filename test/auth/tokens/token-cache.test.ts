import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { KeyRing } from '../../../src/auth/keys/key-ring.ts'
import type { AccessClaims, Claims } from '../../../src/auth/tokens/claims.ts'
import { verifyToken } from '../../../src/auth/tokens/verify.ts'
import { TokenCache } from '../../../src/auth/tokens/token-cache.ts'
import type { AppError } from '../../../src/errors.ts'
import type { Isolate } from '../../../src/isolate.ts'
import { addUser, genuineHeader, genuineRing, signSegments, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const [MAX_TOKENS, MAX_LENGTH] = [4096, 1024]
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
  ring = { ...(await genuineRing()) } // a new ring object, for which nothing is cached yet
  verifications = spyOnVerify()
})

/** One cache per key ring, because an isolate never changes its keys. */
const caches = new WeakMap<KeyRing, TokenCache<AccessClaims>>()

function isolateOf(under: KeyRing, settings: object = {}): Isolate {
  const tokenCache = caches.get(under) ?? new TokenCache()
  caches.set(under, tokenCache)
  const keyRing = async () => under
  return { settings: { ...SETTINGS, ...settings }, tokenCache, keyRing } as unknown as Isolate
}

/** Returns the subject of a valid token, or the code of the error that rejects it. */
const subjectOrCode = (
  candidate: string,
  { now = NOW, settings = {}, under = ring } = {},
): Promise<string> =>
  verifyToken(isolateOf(under, settings), candidate, now).then(
    ({ sub }: Claims) => sub,
    (error: AppError) => error.code,
  )

/** Caches the token, so that its signature is not checked again. */
async function cacheToken(): Promise<void> {
  for (let request = 0; request < 3; request += 1) expect(await subjectOrCode(token)).toBe('cosmo')
  expect(verifications).toHaveBeenCalledTimes(1)
}

describe('a cached token, whose signature is not checked again, is still rejected', () => {
  beforeEach(cacheToken)

  it.each<[when: string, code: string, options: Parameters<typeof subjectOrCode>[1]]>([
    ['from the second it expires', 'token_expired', { now: NOW + 905 }],
    ['by a clock at which it is not valid yet', 'token_invalid', { now: NOW - 6 }],
    [
      'after a shorter lifetime has been set',
      'token_expired',
      { now: NOW + 65, settings: { ACCESS_TOKEN_SECONDS: 60 } },
    ],
    ['after the issuer has changed', 'token_invalid', { settings: { JWT_ISSUER: 'other' } }],
    ['after the audience has changed', 'token_invalid', { settings: { JWT_AUDIENCE: 'other' } }],
  ])('%s: %s (RFC 7519 4.1, ASVS 9.2.1, 9.2.3)', async (_, code, options) => {
    expect(await subjectOrCode(token, options)).toBe(code)
    expect(await subjectOrCode(token, { now: NOW + 904 })).toBe('cosmo')
    expect(verifications).toHaveBeenCalledTimes(1)
  })

  it('a cached token is rejected after its key has been removed from the ring', async () => {
    const other = { current: ring.current, byKid: new Map() }
    expect(await subjectOrCode(token, { under: other })).toBe('token_signature')
  })
})

it('the signature of a cached token is checked again under another key ring with the same key', async () => {
  await cacheToken()
  expect(await subjectOrCode(token, { under: { ...ring } })).toBe('cosmo')
  expect(verifications).toHaveBeenCalledTimes(2)
})

it('a cached token with any single character changed is rejected (ASVS 9.1.1)', async () => {
  await cacheToken()
  const codes = new Set<string>()
  for (let at = 0; at < token.length; at += 1) {
    const changed = token[at] === 'A' ? 'B' : 'A'
    codes.add(await subjectOrCode(token.slice(0, at) + changed + token.slice(at + 1)))
  }
  for (const variant of [
    `${token}A`,
    `A${token}`,
    token.slice(0, -1),
    token.toLowerCase(),
    `${token} `,
  ])
    codes.add(await subjectOrCode(variant))
  expect([...codes].toSorted()).toEqual(['token_invalid', 'token_malformed', 'token_signature'])
  const before = verifications.mock.calls.length
  expect(await subjectOrCode(token)).toBe('cosmo')
  expect(verifications).toHaveBeenCalledTimes(before)
})

describe('tokens that are never cached', () => {
  const expectTwice = async (uncached: string, code: string, options = {}) => {
    for (const times of [1, 2]) {
      expect(await subjectOrCode(uncached, options)).toBe(code)
      expect(verifications).toHaveBeenCalledTimes(times)
    }
  }

  it('the signature of a rejected token is checked each time', async () => {
    await expectTwice(token, 'token_expired', { now: NOW + 905 })
    verifications.mockClear()
    await expectTwice(token, 'token_invalid', { settings: { JWT_ISSUER: 'other' } })
    verifications.mockClear()
    await expectTwice(await mint({ roles: 'admin' }), 'token_invalid')
    verifications.mockClear()
    await expectTwice(`${token.slice(0, -2)}AA`, 'token_signature')
  })

  it('the signature of a refresh token is checked each time, because it is used only once', async () => {
    await expectTwice(await mint({ type: 'refresh', jti: 's.1', aud: 'you/refresh' }), 'cosmo')
  })

  it(`the signature of a token of more than ${MAX_LENGTH} characters is checked each time`, async () => {
    await expectTwice(await mint({ roles: ['x'.repeat(MAX_LENGTH)] }), 'cosmo')
  })
})

it('a request cannot change the claims of a cached token for later requests', async () => {
  await cacheToken()
  const claims = await verifyToken(isolateOf(ring), token, NOW)
  expect(() => Object.assign(claims, { sub: 'admin' })).toThrow(TypeError)
  const { roles } = claims as { roles: unknown }
  expect(() => (roles as string[]).push('admin')).toThrow(TypeError)
  expect(await verifyToken(isolateOf(ring), token, NOW)).toEqual(CLAIMS)
})

describe('the token cache over HTTP', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] })
    return addUser()
  })
  afterEach(() => void vi.useRealTimers())

  it('a cached token is rejected after its session is revoked: immediately by the same isolate, within REVOCATION_SECONDS by others', async () => {
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

  it('a cached token is rejected by a Worker whose key ring no longer contains its key', async () => {
    const { access_token: access } = await startSession()
    expect((await createIsolate().get('/protected', access)).status).toBe(200)
    const rotated = createIsolate({ JWT_SECRET: 'zQ8xW2vB5nM1kJ7hG4fD9sA3pO6iU0yT' })
    expect(await (await rotated.get('/protected', access)).json()).toEqual({
      msg: 'Signature verification failed',
    })
  })
})

describe('the token cache', () => {
  const fill = (count: number, tokens = new TokenCache<number>()) => {
    for (let number = 0; number < count; number += 1) tokens.add(`token${number}`, number)
    return tokens
  }

  it(`the token cache keeps only the newest tokens, at most ${MAX_TOKENS}`, () => {
    const count = MAX_TOKENS * 10
    const tokens = fill(count)
    expect(tokens.get(`token${count - 1}`)).toBe(count - 1)
    expect(tokens.get(`token${count - MAX_TOKENS / 2}`)).toBe(count - MAX_TOKENS / 2)
    for (let number = 0; number < count - MAX_TOKENS; number += 1)
      expect(tokens.get(`token${number}`)).toBeUndefined()
  })

  it(`the token cache drops the older ${MAX_TOKENS / 2} tokens when one more than ${MAX_TOKENS} is added`, () => {
    const half = MAX_TOKENS / 2
    for (const [count, expected] of [
      [MAX_TOKENS, 0],
      [MAX_TOKENS + 1, undefined],
    ] as const) {
      expect(fill(count).get('token0')).toBe(expected)
      expect(fill(count).get(`token${half - 1}`)).toBe(
        expected === undefined ? undefined : half - 1,
      )
      expect(fill(count).get(`token${half}`)).toBe(half)
    }
  })

  it(`the token cache keeps a token of ${MAX_LENGTH} characters, and none that is longer`, () => {
    const tokens = new TokenCache<number>()
    for (const length of [MAX_LENGTH, MAX_LENGTH + 1]) tokens.add('x'.repeat(length), length)
    expect(tokens.get('x'.repeat(MAX_LENGTH))).toBe(MAX_LENGTH)
    expect(tokens.get('x'.repeat(MAX_LENGTH + 1))).toBeUndefined()
  })

  it('the token cache keeps a token in use while others are added and dropped', () => {
    const tokens = new TokenCache<number>()
    tokens.add('mine', 1)
    const seen = new Set<number | undefined>()
    for (let number = 0; number < MAX_TOKENS * 4; number += 1) {
      tokens.add(`token${number}`, number)
      if (number % 1000 === 0) seen.add(tokens.get('mine'))
    }
    expect([...seen]).toEqual([1])
  })
})
