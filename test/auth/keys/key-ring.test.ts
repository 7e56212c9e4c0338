import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'

import { importKeyRing, keyedHash } from '../../../src/auth/keys/key-ring.ts'
import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import { readSettings } from '../../../src/config.ts'
import { openIsolate } from '../../../src/isolate.ts'

const randomSecret = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
const importRing = (secrets: object) => importKeyRing(readSettings({ ...env, ...secrets }))
const importKeyOf = async (secret: string) => (await importRing({ JWT_SECRET: secret })).current

/** Returns a new private key as a JWK in JSON. */
async function generateJwk(type: 'EC' | 'OKP', change: object = {}): Promise<string> {
  const algorithm = type === 'EC' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' }
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

const importError = (secrets: object) =>
  importRing(secrets).then(
    () => 'accepted',
    (error: Error) => error,
  )

describe('a guessable secret is rejected, and the error does not quote it (RFC 8725 3.5)', () => {
  it.each([
    ['an empty string', ''],
    ['31 bytes', randomSecret().slice(0, 31)],
    ['a single character', '#'],
    ["the lesson's secret", 'super-secret'],
    ["the lesson's secret, repeated", 'super-secret'.repeat(4)],
    ["the lesson's secret in capitals and padded", 'SUPER-SECRET-0123456789-ABCDEFGHIJ'],
    ['changeme and random characters', `changeme-${randomSecret()}`],
    ['change-me, padded', 'change-me-0123456789-abcdefghijklmn'],
    ['a password', 'my-password-is-long-enough-for-this'],
    ['the secret of jwt.io', 'a-string-secret-at-least-256-bits-long'],
    ['the placeholder of the example file', 'replace-me-with-the-output-of-openssl-rand-base64-32'],
    ['a placeholder of a template', 'your-256-bit-key-goes-right-here-ok?'],
    ['zeros', '0'.repeat(64)],
    ['spaces', ' '.repeat(64)],
    ['NULs', '\0'.repeat(64)],
    ['a repeated word', 'abcdefghi'.repeat(8)],
  ])('%s', async (_, secret) => {
    const error = await importError({ JWT_SECRET: secret })
    expect(error).toMatchObject({
      code: 'keys_invalid',
      message: expect.stringMatching(/^JWT_SECRET /),
    })
    expect(String(error)).not.toContain(secret || 'undefined')
  })

  it('a secret needs at least 32 bytes, not characters (RFC 7518 3.2)', async () => {
    const characters = randomSecret().slice(0, 31)
    expect(await importError({ JWT_SECRET: characters })).toHaveProperty('code', 'keys_invalid')
    expect(await importError({ JWT_SECRET: `${characters}x` })).toBe('accepted')
    expect(await importError({ JWT_SECRET: `${characters.slice(0, 30)}é` })).toBe('accepted')
  })

  it("the example file's own placeholder is rejected as a secret", async () => {
    const [example = ''] = Object.values(EXAMPLE)
    const [, placeholder = ''] = /^JWT_SECRET=(.+)$/m.exec(example) ?? []
    expect(placeholder.length).toBeGreaterThan(31)
    expect(await importError({ JWT_SECRET: placeholder })).toHaveProperty('code', 'keys_invalid')
  })

  it.each(['JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'])(
    'a guessable secret in %s is rejected with an error that names the variable',
    async (variable) => {
      const error = await importError({ [variable]: 'super-secret' })
      expect(error).toMatchObject({
        code: 'keys_invalid',
        message: expect.stringContaining(variable),
      })
    },
  )
})

describe('a JWK that cannot sign is rejected, and the error does not quote it', () => {
  it.each([
    ['a public key', () => generateJwk('EC', { d: undefined })],
    ['an Ed25519 public key', () => generateJwk('OKP', { d: undefined })],
    [
      'the private part of another key',
      async () => {
        const { d } = JSON.parse(await generateJwk('EC'))
        return generateJwk('EC', { d })
      },
    ],
    [
      'the private part of another Ed25519 key',
      async () => {
        const { d } = JSON.parse(await generateJwk('OKP'))
        return generateJwk('OKP', { d })
      },
    ],
    ['a point that is not on the curve', () => generateJwk('EC', { x: 'A'.repeat(43) })],
    ['a key on another curve', () => generateJwk('EC', { crv: 'P-384' })],
    ['an RSA key', () => generateJwk('EC', { kty: 'RSA' })],
    ['a shared secret as a JWK', () => JSON.stringify({ kty: 'oct', k: randomSecret() })],
    ['a string that is not JSON', () => `{${randomSecret()}`],
    ['an empty object', () => '{}'],
  ])('%s', async (_, generate) => {
    const jwk = await generate()
    const error = await importError({ JWT_SECRET: jwk })
    expect(error).toMatchObject({
      code: 'keys_invalid',
      message: expect.stringMatching(/^JWT_SECRET /),
    })
    expect(String(error)).not.toContain(jwk.slice(1, -1) || 'undefined')
  })
})

describe('the error of a secret that cannot be a key says what is wrong and what to type:', () => {
  const HOW_TO = "'npm run keys -- generate' creates one"
  it.each([
    ['no secret', async () => '', `is not set: ${HOW_TO}`],
    ['a short one', async () => 'x', `is shorter than 32 bytes: ${HOW_TO}`],
    [
      'nine different characters',
      async () => 'abcdefghi'.repeat(8),
      `is a placeholder or far too regular: ${HOW_TO}`,
    ],
    [
      'another type of JWK',
      async () => '{}',
      `is not a valid private JWK of type EC P-256 or Ed25519: ${HOW_TO} with --alg`,
    ],
    [
      'the halves of two keys',
      async () => generateJwk('OKP', { d: JSON.parse(await generateJwk('OKP')).d }),
      'has private and public halves that do not match',
    ],
    [
      'a point that is not on the curve',
      () => generateJwk('EC', { x: 'A'.repeat(43) }),
      'contains numbers that are not a key',
    ],
  ])('%s', async (_, generate, problem) => {
    expect(await importError({ JWT_SECRET: await generate() })).toMatchObject({
      code: 'keys_invalid',
      message: `JWT_SECRET ${problem}`,
    })
  })

  it('settings without any secret are reported like an empty one', async () => {
    await expect(importKeyRing({})).rejects.toThrow(`JWT_SECRET is not set: ${HOW_TO}`)
  })

  it('ten different characters are enough', async () => {
    expect(await importError({ JWT_SECRET: '0123456789'.repeat(4) })).toBe('accepted')
  })
})

it('a failure of Web Crypto is not reported as an invalid secret', async () => {
  vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(new Error('out of memory'))
  await expect(importRing({ JWT_SECRET: randomSecret() })).rejects.toThrow(/^out of memory$/)
})

it('the kid and the keyed hashes of a secret never change, because the database contains them', async () => {
  const ring = await importRing({ JWT_SECRET: 'Uh3T0cW1fN5qZkq2mB9rXv7LdJ4sYpA8' })
  expect(ring.current.kid).toBe('342f71b0be3ac0cf')
  expect(await keyedHash(ring, ['a', 'b'])).toBe('8Gh1xRnyd4osFvpEub2s9IkRbLBEmuYED797JkfXUfU')
})

it('no private or shared key of the ring can be exported', async () => {
  for (const secret of [randomSecret(), await generateJwk('EC'), await generateJwk('OKP')]) {
    const { signing, root } = await importKeyOf(secret)
    for (const key of [signing, root]) expect(key.extractable).toBe(false)
  }
})

it('1,000 random secrets of each recommended type are all accepted', async () => {
  for (let count = 0; count < 1000; count += 1) {
    const bytes = crypto.getRandomValues(new Uint8Array(32))
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    for (const secret of [randomSecret(), hex])
      await expect(importKeyOf(secret)).resolves.toMatchObject({ alg: 'HS256' })
  }
})

it('the type of a key decides its algorithm, and the ring contains each key once, by its kid', async () => {
  const ring = await importRing({
    JWT_SECRET: await generateJwk('EC'),
    JWT_SECRET_NEXT: await generateJwk('OKP'),
    JWT_SECRET_PREVIOUS: randomSecret(),
  })
  expect(ring.current.alg).toBe('ES256')
  expect([...ring.byKid.values()].map(({ alg }) => alg)).toEqual(['ES256', 'EdDSA', 'HS256'])
  expect(ring.byKid.get(ring.current.kid)).toBe(ring.current)
})

it.each(['JWT_SECRET_NEXT', 'JWT_SECRET_PREVIOUS'])(
  'a key ring with %s equal to JWT_SECRET is rejected',
  async (variable) => {
    for (const secret of [randomSecret(), await generateJwk('EC')]) {
      const error = await importError({ JWT_SECRET: secret, [variable]: secret })
      expect(error).toMatchObject({ message: `${variable} is the same key as another of the ring` })
    }
  },
)

it('each key is imported once per isolate and cannot be exported', async () => {
  const isolate = openIsolate({ ...env, JWT_SECRET_NEXT: randomSecret() } as Env, argon2id)
  const imports = vi.spyOn(crypto.subtle, 'importKey')
  const ring = await isolate.keyRing()
  for (let call = 0; call < 100; call += 1) expect(await isolate.keyRing()).toBe(ring)
  expect(imports).toHaveBeenCalledTimes(2)
  for (const { signing } of ring.byKid.values()) expect(signing.extractable).toBe(false)
})

it('the kid depends only on the secret and reveals nothing about it', async () => {
  const [one, two] = [randomSecret(), randomSecret()]
  const { kid } = await importKeyOf(one)
  expect(kid).toMatch(/^[0-9a-f]{16}$/)
  expect((await importKeyOf(one)).kid).toBe(kid)
  expect((await importKeyOf(two)).kid).not.toBe(kid)
  const bytes = new TextEncoder().encode(one)
  const hex = (raw: ArrayBuffer | Uint8Array) =>
    [...new Uint8Array(raw)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  expect(hex(bytes)).not.toContain(kid)
  for (const hash of ['MD5', 'SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'])
    expect(hex(await crypto.subtle.digest(hash, bytes))).not.toContain(kid)
  expect(one.toLowerCase()).not.toContain(kid)
})

it('the kid of a JWK is its thumbprint, as in the example of RFC 8037 A.3', async () => {
  const jwk = {
    kty: 'OKP',
    crv: 'Ed25519',
    d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
    x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
  }
  expect((await importKeyOf(JSON.stringify(jwk))).kid).toBe(
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  )
})
