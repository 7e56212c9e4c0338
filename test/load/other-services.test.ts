import { mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { generateSecret } from '../../src/cli/cloudflare/ring-file.ts'
import { argon2id } from '../../src/cli/users/argon2.ts'
import { insertUser } from '../../src/db/user-changes.ts'
import { buildWorker, type Host, startHost } from './host.ts'

// The recipe for services that are not Workers, as the page shows it, against Latchkey on workerd.

const PAGE = readFileSync('src/client/README.md', 'utf8')
const [, RECIPE = ''] = /^```js\n([^]*?)^```/m.exec(PAGE) ?? []

type Verify = (token: string) => Promise<{ sub: string; sid: string }>
type Tokens = { access_token: string; refresh_token: string }

describe.each(['ES256', 'EdDSA'] as const)('with a key for %s, the recipe for jose', (alg) => {
  let host: Host
  let verifyAccessToken: Verify
  beforeAll(async () => {
    host = await startHost(buildWorker(), { latchkey: { JWT_SECRET: await generateSecret(alg) } })
    const passwordHash = hashPassword('space-corgi', argon2id)
    await insertUser(host.db, { username: 'cosmo', passwordHash, roles: [] }, 1)
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-service-'))
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
    const own = String(host.urls.latchkey)
    writeFileSync(
      join(folder, 'verify.mjs'),
      RECIPE.replace('https://latchkey.example.com/', own.endsWith('/') ? own : `${own}/`),
    )
    const module: { verifyAccessToken: Verify } = await import(join(folder, 'verify.mjs'))
    verifyAccessToken = module.verifyAccessToken
  }, 60_000)
  afterAll(() => host.dispose())

  const logIn = async () => {
    const headers = { 'Content-Type': 'application/json' }
    const body = '{"username":"cosmo","password":"space-corgi"}'
    const response = await host.fetch('latchkey', '/login', { method: 'POST', headers, body })
    return (await response.json()) as Tokens
  }

  it('accepts an access token of Latchkey', async () => {
    expect(await verifyAccessToken((await logIn()).access_token)).toMatchObject({ sub: 'cosmo' })
  })

  it('rejects a refresh token, by its audience', async () => {
    await expect(verifyAccessToken((await logIn()).refresh_token)).rejects.toMatchObject({
      code: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
      claim: 'aud',
    })
  })

  it('rejects a token that was changed, or signed with another key', async () => {
    const { access_token: token } = await logIn()
    const [header = '', payload = '', signature = ''] = token.split('.')
    const other = payload.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
    await expect(verifyAccessToken([header, other, signature].join('.'))).rejects.toMatchObject({
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    })
    const none = Buffer.from('{"alg":"none","kid":"x"}').toString('base64url')
    await expect(verifyAccessToken(`${none}.${payload}.`)).rejects.toMatchObject({
      code: 'ERR_JOSE_ALG_NOT_ALLOWED',
    })
  })

  it('accepts the token of a revoked session until it expires, as the page says, and GET /me does not', async () => {
    const { access_token: token } = await logIn()
    const headers = { Authorization: `Bearer ${token}` }
    expect((await host.fetch('latchkey', '/me', { headers })).status).toBe(200)
    await host.fetch('latchkey', '/logout', { method: 'POST', headers })
    expect(await verifyAccessToken(token)).toMatchObject({ sub: 'cosmo' })
    expect((await host.fetch('latchkey', '/me', { headers })).status).toBe(401)
  })

  // RFC 9864 calls it Ed25519. Tried with an Ed25519 key in the set: jose 6.2 and joserfc 1.7 verify under either
  // name if the token and the key have the same one, and PyJWT 2.15 drops a key that is named Ed25519.
  it('the key and its tokens have the same alg, which a library accepts by name', async () => {
    const { access_token: token } = await logIn()
    const response = await host.fetch('latchkey', '/.well-known/jwks.json')
    const set = (await response.json()) as JSONWebKeySet
    expect(set.keys.map((key) => key.alg)).toEqual([alg])
    expect(decodeProtectedHeader(token).alg).toBe(alg)
    const { payload } = await jwtVerify(token, createLocalJWKSet(set), { algorithms: [alg] })
    expect(payload.sub).toBe('cosmo')
  })
})
