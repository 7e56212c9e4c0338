import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'

import { parseCompactJws } from '../../../src/auth/tokens/compact-jws.ts'
import { importKey, type KeyRing } from '../../../src/auth/keys/key-ring.ts'
import { verifySignature, verifyToken } from '../../../src/auth/tokens/verify.ts'
import { TokenCache } from '../../../src/auth/tokens/token-cache.ts'
import type { AppError } from '../../../src/errors.ts'
import type { Isolate } from '../../../src/isolate.ts'
import { base64url, genuineHeader, genuineRing, signSegments } from '../../helpers.ts'
import { flipBit, toSegments } from './forge.ts'

const NOW = 1_800_000_000
const SETTINGS = { JWT_ISSUER: 'me', JWT_AUDIENCE: 'you', ACCESS_TOKEN_SECONDS: 900 }
const CLAIMS = {
  iss: 'me',
  aud: 'you',
  sub: 'cosmo',
  type: 'access',
  sid: 's',
  jti: 'j',
  roles: [],
  auth_time: NOW,
  iat: NOW - 10,
  exp: NOW + 10,
}
const mint = async (changed: object = {}) =>
  signSegments(JSON.stringify(await genuineHeader()), JSON.stringify({ ...CLAIMS, ...changed }))

const isolateOf = (ring: KeyRing, settings: object = {}) =>
  ({
    settings: { ...SETTINGS, ...settings },
    tokenCache: new TokenCache(),
    keyRing: async () => ring,
  }) as unknown as Isolate

/** Returns the subject of a token that is valid at `NOW`, or the code of the error that rejects it. */
const subjectOrCode = (token: string, ring: KeyRing, now = NOW): Promise<string> =>
  verifyToken(isolateOf(ring), token, now).then(
    ({ sub }) => sub,
    (error: AppError) => error.code,
  )

describe('the example token of RFC 7515 A.1', () => {
  const token =
    'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
  const k = 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow'
  const loadKey = async () => {
    const hmac = { name: 'HMAC', hash: 'SHA-256' }
    const verifying = await crypto.subtle.importKey('jwk', { kty: 'oct', k }, hmac, false, [
      'verify',
    ])
    return { alg: 'HS256', verifying } as const
  }

  it('verifySignature accepts the example token of RFC 7515 A.1', async () => {
    expect(parseCompactJws(token)).toHaveLength(2)
    await expect(verifySignature(token, await loadKey())).resolves.toBeUndefined()
  })

  it('verifySignature rejects that token with one bit flipped in any segment', async () => {
    const key = await loadKey()
    for (const index of [0, 1, 2] as const)
      for (const bit of [0, 100, -1])
        await expect(verifySignature(flipBit(token, index, bit), key)).rejects.toMatchObject({
          code: 'token_signature',
        })
  })
})

it('a token with any single bit flipped is rejected because of its signature (ASVS 9.1.1)', async () => {
  const [token, ring] = [await mint(), await genuineRing()]
  expect(await subjectOrCode(token, ring)).toBe('cosmo')
  const codes = new Set<string>()
  for (const index of [0, 1, 2] as const) {
    const bytes = Math.floor((toSegments(token)[index].length * 3) / 4)
    for (let bit = 0; bit < bytes * 8; bit += 1)
      codes.add(await subjectOrCode(flipBit(token, index, bit), ring))
  }
  expect([...codes]).toEqual(['token_signature'])
})

it('a Worker rejects a token with the issuer or audience of another Worker (ASVS 9.2.3, 9.2.4, RFC 8725 3.8, 3.9)', async () => {
  const [token, ring] = [await mint(), await genuineRing()]
  for (const other of [{ JWT_ISSUER: 'you' }, { JWT_AUDIENCE: 'me' }])
    await expect(verifyToken(isolateOf(ring, other), token, NOW)).rejects.toMatchObject({
      code: 'token_invalid',
    })
})

describe('a signature of zeros of any length is rejected and causes no other error', () => {
  const LENGTHS = [1, 31, 32, 33, 63, 64, 65, 128, 1000]
  const generateJwk = async (type: { name: string; namedCurve?: string }) => {
    const pair = await crypto.subtle.generateKey(type, true, ['sign', 'verify'])
    const { privateKey } = pair as CryptoKeyPair
    return JSON.stringify(await crypto.subtle.exportKey('jwk', privateKey))
  }

  it.each([
    ['HS256', async () => env.JWT_SECRET],
    ['ES256 (CVE-2022-21449)', () => generateJwk({ name: 'ECDSA', namedCurve: 'P-256' })],
  ])('for %s', async (_, createSecret) => {
    const key = await importKey(await createSecret())
    const ring = { current: key, byKid: new Map([[key.kid, key]]) }
    const header = base64url(JSON.stringify({ alg: key.alg, typ: 'JWT', kid: key.kid }))
    const input = `${header}.${base64url(JSON.stringify(CLAIMS))}`
    for (const length of LENGTHS) {
      const zeros = base64url(new Uint8Array(length))
      expect(await subjectOrCode(`${input}.${zeros}`, ring)).toBe('token_signature')
    }
  })
})

describe('times are checked with a clock tolerance of five seconds (ASVS 9.2.1)', () => {
  it.each([
    ['exp', -6, 'token_expired'],
    ['exp', -5, 'token_expired'],
    ['exp', -4, 'cosmo'],
    ['exp', 0, 'cosmo'],
    ['iat', 5, 'cosmo'],
    ['iat', 6, 'token_invalid'],
    ['iat', -899, 'cosmo'],
    ['iat', -904, 'cosmo'],
    ['iat', -905, 'token_expired'],
    ['nbf', 5, 'cosmo'],
    ['nbf', 6, 'token_invalid'],
    ['nbf', -6, 'cosmo'],
  ])('a token with %s at %i s from now gives %s', async (claim, offset, outcome) => {
    expect(await subjectOrCode(await mint({ [claim]: NOW + offset }), await genuineRing())).toBe(
      outcome,
    )
  })
})

it('a refresh token is valid until the second of its exp, without tolerance, regardless of ACCESS_TOKEN_SECONDS', async () => {
  const ring = await genuineRing()
  const refresh = { type: 'refresh', aud: 'you/refresh', jti: 's.0', iat: NOW - 5000, exp: NOW }
  const token = await mint(refresh)
  expect(await subjectOrCode(token, ring, NOW - 1)).toBe('cosmo')
  expect(await subjectOrCode(token, ring)).toBe('token_expired')
})

it('the log says which claim makes a token invalid, and the client is not told', async () => {
  const ring = await genuineRing()
  for (const [changed, reason] of [
    [{ iss: 'you' }, 'another issuer'],
    [{ aud: 'me' }, 'another audience'],
    [{ iat: NOW + 6 }, 'not yet valid'],
    [{ sub: '' }, 'claim missing or of another type'],
  ] as const) {
    const verified = verifyToken(isolateOf(ring), await mint(changed), NOW)
    await expect(verified).rejects.toMatchObject({ code: 'token_invalid', message: reason })
  }
})

it('a failure of the key itself is not reported as an invalid signature (ASVS 16.5.3)', async () => {
  const token = await signSegments(JSON.stringify(await genuineHeader()), '{}')
  const broken = { alg: 'HS256', verifying: { kty: 'nothing' } as unknown as CryptoKey } as const
  await expect(verifySignature(token, broken)).rejects.not.toHaveProperty('code', 'token_signature')
})
