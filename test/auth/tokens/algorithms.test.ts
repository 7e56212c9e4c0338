import { env } from 'cloudflare:workers'
import { createLocalJWKSet, createRemoteJWKSet, customFetch, jwtVerify } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'

import { generateSecret } from '../../../src/cli/cloudflare/ring-file.ts'
import { COSMO, addUser, base64url, readSegment, signSegments } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const secrets = {
  JWT_SECRET: await generateSecret('HS256'),
  JWT_SECRET_NEXT: await generateSecret('ES256'),
  JWT_SECRET_PREVIOUS: await generateSecret('EdDSA'),
}
/** Returns an isolate with all three keys, of which `current` signs. */
const isolateSigningWith = (current: keyof typeof secrets) =>
  createIsolate({ ...secrets, JWT_SECRET: secrets[current], [current]: secrets.JWT_SECRET })

beforeEach(() => addUser())

async function logIn(isolate: ReturnType<typeof createIsolate>): Promise<string> {
  const headers = { 'Content-Type': 'application/json' }
  const response = await isolate.fetch('/login', {
    method: 'POST',
    headers,
    body: JSON.stringify(COSMO),
  })
  return (await response.json<{ access_token: string }>()).access_token
}

const NAMES = ['JWT_SECRET', 'JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'] as const
const ALGORITHM = { JWT_SECRET: 'HS256', JWT_SECRET_NEXT: 'ES256', JWT_SECRET_PREVIOUS: 'EdDSA' }

describe('a key ring with all three key types', () => {
  it.each(NAMES)(
    'a token is signed with the current key, %s, and accepted by every Worker with the same keys',
    async (name) => {
      const token = await logIn(isolateSigningWith(name))
      expect(readSegment(token, 0).alg).toBe(ALGORITHM[name])
      for (const other of NAMES)
        expect((await isolateSigningWith(other).get('/protected', token)).status).toBe(200)
      expect((await createIsolate().get('/protected', token)).status).toBe(401)
    },
  )

  it('the guard rejects the kid of one key with the algorithm of another, or with none (ASVS 9.1.2, RFC 8725 3.1)', async () => {
    for (const name of NAMES) {
      const token = await logIn(isolateSigningWith(name))
      const [, payload, signature] = token.split('.')
      for (const alg of ['HS256', 'ES256', 'EdDSA', 'none', 'HS384', 'ES384', 'RS256']) {
        if (alg === ALGORITHM[name]) continue
        const header = base64url(JSON.stringify({ ...readSegment(token, 0), alg }))
        const response = await isolateSigningWith(name).get(
          '/protected',
          `${header}.${payload}.${signature}`,
        )
        expect(await response.text()).toBe('{"msg":"Signature verification failed"}')
      }
    }
  })

  it('the guard rejects an HS256 token signed with any form of the public key as the secret (RFC 8725 2.1)', async () => {
    for (const name of ['JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'] as const) {
      const isolate = isolateSigningWith(name)
      const token = await logIn(isolate)
      const { keys } = await (
        await isolate.fetch('/.well-known/jwks.json')
      ).json<{ keys: JsonWebKey[] }>()
      const key = keys[0] as JsonWebKey & { kid: string }
      const publicForms = [
        JSON.stringify(key),
        JSON.stringify(keys),
        key.x ?? '',
        key.y ?? '-',
        key.kid,
      ]
      for (const secret of publicForms) {
        const header = JSON.stringify({ ...readSegment(token, 0), alg: 'HS256' })
        const forged = await signSegments(header, JSON.stringify(readSegment(token, 1)), { secret })
        expect((await isolate.get('/protected', forged)).status).toBe(401)
      }
    }
  })
})

describe('GET /.well-known/jwks.json', () => {
  it('the JWK Set contains only public keys and may be cached (RFC 7517)', async () => {
    const response = await isolateSigningWith('JWT_SECRET').fetch('/.well-known/jwks.json')
    expect(response.headers.get('Cache-Control')).toBe('public, max-age=300')
    const { keys } = await response.json<{ keys: object[] }>()
    expect(keys).toEqual([
      {
        kty: 'EC',
        crv: 'P-256',
        x: expect.any(String),
        y: expect.any(String),
        kid: expect.any(String),
        alg: 'ES256',
        use: 'sig',
      },
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: expect.any(String),
        kid: expect.any(String),
        alg: 'EdDSA',
        use: 'sig',
      },
    ])
  })

  it('the JWK Set is empty for shared secrets', async () => {
    const response = await createIsolate().fetch('/.well-known/jwks.json')
    expect(await response.text()).toBe('{"keys":[]}')
  })

  it.each(['JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'] as const)(
    'the JWK Set contains everything that jose needs to verify a token signed by %s',
    async (name) => {
      const isolate = isolateSigningWith(name)
      const token = await logIn(isolate)
      const requested: string[] = []
      const keys = createRemoteJWKSet(new URL('https://latchkey.test/.well-known/jwks.json'), {
        [customFetch]: (url: string) => {
          requested.push(url)
          return isolate.fetch(new URL(url).pathname)
        },
      })
      const { payload } = await jwtVerify(token, keys, {
        issuer: env.JWT_ISSUER,
        audience: env.JWT_AUDIENCE,
      })
      expect(payload.sub).toBe('cosmo')
      expect(requested).toEqual(['https://latchkey.test/.well-known/jwks.json'])
      const empty = createLocalJWKSet({ keys: [] })
      await expect(jwtVerify(token, empty)).rejects.toMatchObject({
        code: 'ERR_JWKS_NO_MATCHING_KEY',
      })
    },
  )
})
