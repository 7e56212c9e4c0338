import { decodeBase64Url } from 'hono/utils/encode'
import { verifying } from 'hono/utils/jwt/jws'
import { describe, expect, it } from 'vitest'

import { parseSegment, splitToken } from '../../src/auth/compact.ts'
import { verifySignature, verifyToken } from '../../src/auth/tokens.ts'
import type { AppError } from '../../src/errors.ts'
import { genuineHeader, genuineRing, signSegments } from '../helpers.ts'
import wycheproof from '../vectors/wycheproof_jws.json'

const importJwk = (jwk: JsonWebKey) =>
  crypto.subtle.importKey('jwk', jwk, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])

describe("the vector of RFC 7515 A.1 passes through the project's own verify function", () => {
  const token =
    'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
  const k = 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow'
  const loadKey = async () =>
    ({ alg: 'HS256', verifying: await importJwk({ kty: 'oct', k }) }) as const

  it('and is genuine', async () => {
    expect(splitToken(token)).toHaveLength(2)
    await expect(verifySignature(token, await loadKey())).resolves.toBeUndefined()
  })

  it('and is refused with one character of each segment changed', async () => {
    const key = await loadKey()
    for (const at of [5, 60, token.length - 5]) {
      const flipped = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
      await expect(verifySignature(flipped, key)).rejects.toMatchObject({ code: 'token_signature' })
    }
  })
})

describe("Wycheproof's HS256 vectors get the right answer at the level of form and signature", () => {
  const IDENTICAL_TO_A_VALID_ONE = new Set([367, 370])
  const NO_BASE64URL = new Set([372, 373])
  const vectors = [0, 12, 16, 21].flatMap((index) => {
    const group = wycheproof.testGroups[index]
    return (group?.tests ?? []).map((test) => ({ ...test, jwk: group?.private as JsonWebKey }))
  })
  const judged = vectors.filter(({ tcId }) => !IDENTICAL_TO_A_VALID_ONE.has(tcId))

  /** Our form, the header's algorithm, and the signature by what `verify` of hono/jwt itself calls. */
  async function isGenuine(jws: string, jwk: JsonWebKey): Promise<boolean> {
    try {
      const [header] = splitToken(jws)
      if ((parseSegment(header) as { alg?: string }).alg !== 'HS256') return false
    } catch {
      return false // an AppError: the form
    }
    const end = jws.lastIndexOf('.')
    const input = new TextEncoder().encode(jws.slice(0, end))
    const key = await importJwk(jwk)
    return verifying(key, 'HS256', decodeBase64Url(jws.slice(end + 1)), input)
  }

  it('all 40 are there', () => expect(vectors).toHaveLength(40))

  it.each(judged)('$tcId $comment', async ({ tcId, jws, jwk, result }) => {
    const expected = result === 'valid' && !NO_BASE64URL.has(tcId)
    expect(await isGenuine(String(jws), jwk)).toBe(expected)
  })
})

describe('times are checked with five seconds of leeway (ASVS 9.2.1)', () => {
  const NOW = 1_800_000_000
  const settings = { JWT_ISSUER: 'me', JWT_AUDIENCE: 'you', ACCESS_TOKEN_SECONDS: 900 }
  const verifyWith = async (times: object) => {
    const claims = {
      iss: 'me',
      aud: 'you',
      sub: 'cosmo',
      type: 'access',
      sid: 's',
      jti: 'j',
      roles: [],
    }
    const payload = { ...claims, auth_time: NOW, iat: NOW - 10, exp: NOW + 10, ...times }
    const token = await signSegments(JSON.stringify(await genuineHeader()), JSON.stringify(payload))
    const { sub } = await verifyToken(token, await genuineRing(), settings, NOW)
    return sub
  }

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
  ])('%s at now %i s: %s', async (claim, offset, code) => {
    const outcome = await verifyWith({ [claim]: NOW + offset }).catch(
      (error: AppError) => error.code,
    )
    expect(outcome).toBe(code)
  })
})

it('a key that fails is no bad token: the failure is not turned into a 401 (ASVS 16.5.3)', async () => {
  const token = await signSegments(JSON.stringify(await genuineHeader()), '{}')
  const broken = { alg: 'HS256', verifying: { kty: 'nothing' } as unknown as CryptoKey } as const
  await expect(verifySignature(token, broken)).rejects.not.toHaveProperty('code', 'token_signature')
})
