import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'

import { importRing } from '../../../src/auth/keys/key-ring.ts'
import { readConfig } from '../../../src/config.ts'

const randomSecret = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
const ringOf = (secrets: object) => importRing(readConfig({ ...env, ...secrets }))
const keyOf = async (secret: string) => (await ringOf({ JWT_SECRET: secret })).current

/** A new private key as the JSON text of a JWK. */
async function makeJwk(kind: 'EC' | 'OKP', change: object = {}): Promise<string> {
  const algorithm = kind === 'EC' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' }
  const pair = (await crypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair
  return JSON.stringify({ ...(await crypto.subtle.exportKey('jwk', pair.privateKey)), ...change })
}

const EXAMPLE = import.meta.glob('../../../.dev.vars.example', {
  query: '?raw',
  import: 'default',
  eager: true,
})

const refused = (secrets: object) =>
  ringOf(secrets).then(
    () => 'accepted',
    (error: Error) => error,
  )

describe('a secret that anyone could guess is refused, and not quoted (RFC 8725 3.5)', () => {
  it.each([
    ['empty', ''],
    ['31 bytes', randomSecret().slice(0, 31)],
    ['one character', '#'],
    ["the lesson's", 'super-secret'],
    ["the lesson's, made long", 'super-secret'.repeat(4)],
    ["the lesson's in capitals and padded", 'SUPER-SECRET-0123456789-ABCDEFGHIJ'],
    ['changeme', `changeme-${randomSecret()}`],
    ['change-me, padded', 'change-me-0123456789-abcdefghijklmn'],
    ['a password', 'my-password-is-long-enough-for-this'],
    ["jwt.io's", 'a-string-secret-at-least-256-bits-long'],
    ['the example file', 'replace-me-with-the-output-of-openssl-rand-base64-32'],
    ['a template', 'your-256-bit-key-goes-right-here-ok?'],
    ['zeros', '0'.repeat(64)],
    ['spaces', ' '.repeat(64)],
    ['NULs', '\0'.repeat(64)],
    ['a repeated word', 'abcdefghi'.repeat(8)],
  ])('%s', async (_, secret) => {
    const error = await refused({ JWT_SECRET: secret })
    expect(error).toMatchObject({
      code: 'keys_invalid',
      message: expect.stringMatching(/^JWT_SECRET /),
    })
    expect(String(error)).not.toContain(secret || 'undefined')
  })

  it('32 bytes are enough, and bytes are counted, not characters (RFC 7518 3.2)', async () => {
    const characters = randomSecret().slice(0, 31)
    expect(await refused({ JWT_SECRET: characters })).toHaveProperty('code', 'keys_invalid')
    expect(await refused({ JWT_SECRET: `${characters}x` })).toBe('accepted')
    expect(await refused({ JWT_SECRET: `${characters.slice(0, 30)}é` })).toBe('accepted')
  })

  it("the example file's own text is refused, whatever it says", async () => {
    const [example = ''] = Object.values(EXAMPLE)
    const [, text = ''] = /^JWT_SECRET=(.+)$/m.exec(example) ?? []
    expect(text.length).toBeGreaterThan(31)
    expect(await refused({ JWT_SECRET: text })).toHaveProperty('code', 'keys_invalid')
  })

  it.each(['JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'])(
    'also as %s, which is named',
    async (variable) => {
      const error = await refused({ [variable]: 'super-secret' })
      expect(error).toMatchObject({
        code: 'keys_invalid',
        message: expect.stringContaining(variable),
      })
    },
  )
})

describe('a JWK that cannot sign is refused, and not quoted:', () => {
  it.each([
    ['the public half alone', () => makeJwk('EC', { d: undefined })],
    ['the public half of Ed25519', () => makeJwk('OKP', { d: undefined })],
    [
      'a private half of another key',
      async () => {
        const { d } = JSON.parse(await makeJwk('EC'))
        return makeJwk('EC', { d })
      },
    ],
    [
      'a private half of another Ed25519 key',
      async () => {
        const { d } = JSON.parse(await makeJwk('OKP'))
        return makeJwk('OKP', { d })
      },
    ],
    ['a point that is not on the curve', () => makeJwk('EC', { x: 'A'.repeat(43) })],
    ['another curve', () => makeJwk('EC', { crv: 'P-384' })],
    ['RSA', () => makeJwk('EC', { kty: 'RSA' })],
    ['a shared key as a JWK', () => JSON.stringify({ kty: 'oct', k: randomSecret() })],
    ['no JSON', () => `{${randomSecret()}`],
    ['an empty object', () => '{}'],
  ])('%s', async (_, make) => {
    const jwk = await make()
    const error = await refused({ JWT_SECRET: jwk })
    expect(error).toMatchObject({
      code: 'keys_invalid',
      message: expect.stringMatching(/^JWT_SECRET /),
    })
    expect(String(error)).not.toContain(jwk.slice(1, -1) || 'undefined')
  })
})

it('1,000 random secrets of each recommended kind are all accepted', async () => {
  for (let made = 0; made < 1000; made += 1) {
    const bytes = crypto.getRandomValues(new Uint8Array(32))
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    for (const secret of [randomSecret(), hex])
      await expect(keyOf(secret)).resolves.toMatchObject({ alg: 'HS256' })
  }
})

it('the type of the key decides the algorithm; each is held once, by its kid', async () => {
  const ring = await ringOf({
    JWT_SECRET: await makeJwk('EC'),
    JWT_SECRET_NEXT: await makeJwk('OKP'),
    JWT_SECRET_PREVIOUS: randomSecret(),
  })
  expect(ring.current.alg).toBe('ES256')
  expect([...ring.byKid.values()].map(({ alg }) => alg)).toEqual(['ES256', 'EdDSA', 'HS256'])
  expect(ring.byKid.get(ring.current.kid)).toBe(ring.current)
})

it.each(['JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'])(
  'a ring with %s equal to JWT_SECRET is refused',
  async (variable) => {
    for (const secret of [randomSecret(), await makeJwk('EC')]) {
      const error = await refused({ JWT_SECRET: secret, [variable]: secret })
      expect(error).toMatchObject({ message: `${variable} is the same key as another of the ring` })
    }
  },
)

it('each entry is imported once per isolate, and cannot be exported again', async () => {
  const config = readConfig({ ...env, JWT_SECRET_NEXT: randomSecret() } as Env)
  const imports = vi.spyOn(crypto.subtle, 'importKey')
  const ring = await importRing(config)
  for (let again = 0; again < 100; again += 1) expect(await importRing(config)).toBe(ring)
  expect(imports).toHaveBeenCalledTimes(2)
  for (const { signing } of ring.byKid.values()) expect(signing.extractable).toBe(false)
})

it('the kid is the same for the same secret alone, and shows nothing of it', async () => {
  const [one, two] = [randomSecret(), randomSecret()]
  const { kid } = await keyOf(one)
  expect(kid).toMatch(/^[0-9a-f]{16}$/)
  expect((await keyOf(one)).kid).toBe(kid)
  expect((await keyOf(two)).kid).not.toBe(kid)
  const bytes = new TextEncoder().encode(one)
  const hex = (raw: ArrayBuffer | Uint8Array) =>
    [...new Uint8Array(raw)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  expect(hex(bytes)).not.toContain(kid)
  for (const hash of ['MD5', 'SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'])
    expect(hex(await crypto.subtle.digest(hash, bytes))).not.toContain(kid)
  expect(one.toLowerCase()).not.toContain(kid)
})

it('the kid of a JWK is its thumbprint: the example of RFC 8037 A.3', async () => {
  const jwk = {
    kty: 'OKP',
    crv: 'Ed25519',
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  }
  expect((await keyOf(JSON.stringify(jwk))).kid).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
})
