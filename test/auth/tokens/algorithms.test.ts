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
/** An isolate whose ring is these three, with the named one as the current. */
const holding = (first: keyof typeof secrets) =>
  createIsolate({ ...secrets, JWT_SECRET: secrets[first], [first]: secrets.JWT_SECRET })

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

describe('a ring of all three kinds', () => {
  it.each(NAMES)(
    'signs with the current key, %s, and every holder of the ring takes it',
    async (name) => {
      const token = await logIn(holding(name))
      expect(readSegment(token, 0).alg).toBe(ALGORITHM[name])
      for (const other of NAMES)
        expect((await holding(other).get('/protected', token)).status).toBe(200)
      expect((await createIsolate().get('/protected', token)).status).toBe(401)
    },
  )

  it("refuses each entry's kid with another entry's algorithm and with no algorithm (ASVS 9.1.2, RFC 8725 3.1)", async () => {
    for (const name of NAMES) {
      const token = await logIn(holding(name))
      const [, payload, signature] = token.split('.')
      for (const alg of ['HS256', 'ES256', 'EdDSA', 'none', 'HS384', 'ES384', 'RS256']) {
        if (alg === ALGORITHM[name]) continue
        const header = base64url(JSON.stringify({ ...readSegment(token, 0), alg }))
        const response = await holding(name).get('/protected', `${header}.${payload}.${signature}`)
        expect(await response.text()).toBe('{"msg":"Signature verification failed"}')
      }
    }
  })

  it("refuses the public key's bytes as a shared secret, in every spelling (RFC 8725 2.1)", async () => {
    for (const name of ['JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'] as const) {
      const isolate = holding(name)
      const token = await logIn(isolate)
      const { keys } = await (
        await isolate.fetch('/.well-known/jwks.json')
      ).json<{ keys: JsonWebKey[] }>()
      const key = keys[0] as JsonWebKey & { kid: string }
      const spellings = [
        JSON.stringify(key),
        JSON.stringify(keys),
        key.x ?? '',
        key.y ?? '-',
        key.kid,
      ]
      for (const secret of spellings) {
        const header = JSON.stringify({ ...readSegment(token, 0), alg: 'HS256' })
        const forged = await signSegments(header, JSON.stringify(readSegment(token, 1)), { secret })
        expect((await isolate.get('/protected', forged)).status).toBe(401)
      }
    }
  })
})

describe('GET /.well-known/jwks.json', () => {
  it('holds the public halves alone, and may be cached (RFC 7517)', async () => {
    const response = await holding('JWT_SECRET').fetch('/.well-known/jwks.json')
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

  it('is empty for shared secrets', async () => {
    const response = await createIsolate().fetch('/.well-known/jwks.json')
    expect(await response.text()).toBe('{"keys":[]}')
  })

  it.each(['JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'] as const)(
    'is all that jose needs to verify a token of %s',
    async (name) => {
      const isolate = holding(name)
      const token = await logIn(isolate)
      const asked: string[] = []
      const keys = createRemoteJWKSet(new URL('https://latchkey.test/.well-known/jwks.json'), {
        [customFetch]: (url: string) => {
          asked.push(url)
          return isolate.fetch(new URL(url).pathname)
        },
      })
      const { payload } = await jwtVerify(token, keys, {
        issuer: env.JWT_ISSUER,
        audience: env.JWT_AUDIENCE,
      })
      expect(payload.sub).toBe('cosmo')
      expect(asked).toEqual(['https://latchkey.test/.well-known/jwks.json'])
      const nobody = createLocalJWKSet({ keys: [] })
      await expect(jwtVerify(token, nobody)).rejects.toMatchObject({
        code: 'ERR_JWKS_NO_MATCHING_KEY',
      })
    },
  )
})
