import { env, exports } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import {
  ADDRESS,
  COSMO,
  addUser,
  fetchApp,
  logged,
  now,
  postJson,
  readSegment,
} from '../helpers.ts'

beforeEach(() => addUser())

const post = (body: string, type = 'application/json') =>
  fetchApp('/login', { method: 'POST', headers: { 'Content-Type': type }, body })

describe('a login with valid credentials', () => {
  it('a login returns an access token, its type and its lifetime (RFC 6749 5.1, RFC 6750 4)', async () => {
    const response = await postJson('/login', COSMO)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(await response.json()).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]{43}$/),
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]{43}$/),
      refresh_expires_in: 604_800,
    })
  })

  it('a login issues an access token with exactly the documented claims (RFC 9068 2.2, ASVS 14.1.1)', async () => {
    await env.DB.prepare(`UPDATE users SET roles = '["admin"]'`).run()
    const response = await postJson('/login', COSMO)
    const { access_token: token } = await response.json<{ access_token: string }>()
    const claims = readSegment(token, 1)
    expect(claims).toEqual({
      iss: 'latchkey',
      aud: 'latchkey',
      sub: 'cosmo',
      type: 'access',
      sid: expect.stringMatching(/^[\w-]{22}$/),
      jti: expect.stringMatching(/^[\w-]{22}$/),
      auth_time: claims.iat,
      amr: ['pwd'],
      acr: 'aal1',
      roles: ['admin'],
      iat: expect.any(Number),
      exp: Number(claims.iat) + 900,
    })
    expect(Math.abs(Number(claims.iat) - now())).toBeLessThan(5)
    expect(readSegment(token, 0)).toEqual({
      alg: 'HS256',
      typ: 'JWT',
      kid: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
  })

  it('a login issues a refresh token with exactly the documented claims', async () => {
    const response = await postJson('/login', COSMO)
    const tokens = await response.json<{ access_token: string; refresh_token: string }>()
    const access = readSegment(tokens.access_token, 1)
    expect(readSegment(tokens.refresh_token, 1)).toEqual({
      iss: 'latchkey',
      aud: 'latchkey/refresh',
      sub: 'cosmo',
      type: 'refresh',
      sid: access.sid,
      jti: `${access.sid}.0`,
      auth_time: access.auth_time,
      amr: ['pwd'],
      acr: 'aal1',
      iat: access.iat,
      exp: Number(access.iat) + 604_800,
    })
  })

  it('every login gets a new session id and a new token id (ASVS 7.2.4)', async () => {
    const ids = new Set<unknown>()
    for (let login = 0; login < 3; login += 1) {
      const response = await postJson('/login', COSMO)
      const { access_token: token } = await response.json<{ access_token: string }>()
      ids.add(readSegment(token, 1).sid).add(readSegment(token, 1).jti)
    }
    expect(ids.size).toBe(6)
  })
})

it('the issuer and audience come from the settings, regardless of the requested host (ASVS 9.2.3)', async () => {
  const response = await exports.default.fetch('https://evil.test/login', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'CF-Connecting-IP': ADDRESS,
      'X-Forwarded-Host': 'evil.test',
    },
    body: JSON.stringify(COSMO),
  })
  const { access_token: token } = await response.json<{ access_token: string }>()
  expect(readSegment(token, 1)).toMatchObject({ iss: 'latchkey', aud: 'latchkey' })
})

describe('a login with bad credentials', () => {
  it.each([
    ['a wrong password', { ...COSMO, password: 'space-corgI' }],
    ['an unknown username', { ...COSMO, username: 'nobody' }],
    ['a username in another case', { ...COSMO, username: 'Cosmo' }],
    ['a password with a trailing space', { ...COSMO, password: 'space-corgi ' }],
    ['SQL in the username', { ...COSMO, username: "' OR 1=1 --" }],
  ])('a login with %s returns 401 with the same body, byte for byte', async (_, credentials) => {
    const response = await postJson('/login', credentials)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"error":"Bad username or password"}')
  })
})

const MISSING = ['Missing data for required field.']
const EMPTY = ['Shorter than minimum length 1.']
const NULL = ['Field may not be null.']
const TYPE = ['Not a valid string.']
const UNKNOWN = ['Unknown field.']

describe('a login body that does not match the schema', () => {
  it.each([
    ['a missing field', '{"username":"cosmo"}', { password: MISSING }],
    ['both fields missing', '{}', { username: MISSING, password: MISSING }],
    ['an empty string', '{"username":"","password":"x"}', { username: EMPTY }],
    ['a null', '{"username":"x","password":null}', { password: NULL }],
    ['a number', '{"username":1,"password":"x"}', { username: TYPE }],
    ['a list and an object', '{"username":[],"password":{}}', { username: TYPE, password: TYPE }],
    ['an unknown field', '{"username":"x","password":"y","extra":1}', { extra: UNKNOWN }],
    [
      'a lone surrogate, which would hash like any other lone surrogate (ASVS 6.2.8)',
      String.raw`{"username":"x","password":"\ud83d"}`,
      { password: TYPE },
    ],
    [
      'arrays nested 4,000 levels deep',
      `{"username":"x","password":${'['.repeat(4000)}${']'.repeat(4000)}}`,
      { password: TYPE },
    ],
    [
      'several invalid fields',
      '{"username":"","extra":1}',
      { username: EMPTY, password: MISSING, extra: UNKNOWN },
    ],
  ])(
    'a login body with %s returns 400 and the errors of each field (ASVS 2.2.1, 15.3.5)',
    async (_, body, error) => {
      const response = await post(body)
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ error })
    },
  )

  it('field names from Object.prototype are reported as unknown fields (ASVS 15.3.6)', async () => {
    const body = '{"username":"x","password":"y","__proto__":1,"constructor":2,"toString":3}'
    const response = await post(body)
    expect(response.status).toBe(400)
    expect(await response.text()).toBe(
      '{"error":{"__proto__":["Unknown field."],"constructor":["Unknown field."],"toString":["Unknown field."]}}',
    )
  })

  it('a field that appears twice is accepted, and its last value counts (ASVS 15.3.7)', async () => {
    const postTwice = (first: string, last: string) =>
      post(`{"username":"${first}","username":"${last}","password":"${COSMO.password}"}`)
    expect((await postTwice('nobody', 'cosmo')).status).toBe(200)
    expect((await postTwice('cosmo', 'nobody')).status).toBe(401)
  })

  it.each(['[]', '"x"', '1', 'null', 'true'])(
    'a login body that is JSON but not an object returns 400 with a _schema error: %s',
    async (body) => {
      const response = await post(body)
      expect(response.status).toBe(400)
      expect(await response.text()).toBe('{"error":{"_schema":["Invalid input type."]}}')
    },
  )
})

describe('a login body that is not JSON', () => {
  it.each(['', '{', 'username=cosmo', '{"username":"cosmo",}', '['.repeat(4000)])(
    'a login body that is not valid JSON returns 400: %s',
    async (body) => {
      const response = await post(body)
      expect(response.status).toBe(400)
      expect(await response.text()).toBe('{"error":"Malformed JSON in request body"}')
    },
  )

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])(
    'a login body with another content type returns 415, even if it contains valid JSON: %s (ASVS 3.5.2)',
    async (type) => {
      const response = await post(JSON.stringify(COSMO), type)
      expect(response.status).toBe(415)
      expect(await response.text()).toBe('{"error":"Content-Type must be application/json"}')
    },
  )

  it('the JSON content type is accepted in any case and with parameters', async () => {
    const response = await post(JSON.stringify(COSMO), 'Application/JSON; charset=utf-8')
    expect(response.status).toBe(200)
  })
})

it('a request body that breaks off returns 400 and logs nothing, because the client has disconnected', async () => {
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"username":"co')),
    pull: (controller) => controller.error(new Error('Network connection lost.')),
  })
  const headers = { 'Content-Type': 'application/json' }
  const response = await app.request('/login', { method: 'POST', headers, body }, env)
  expect(response.status).toBe(400)
  expect(await response.text()).toBe('{"error":"Request body is incomplete"}')
  expect(logged).toEqual([])
})

describe('a body over 8 KiB', () => {
  const body = JSON.stringify({ username: 'cosmo', password: 'x'.repeat(8192) })

  it('a body over 8 KiB returns 413 before it is parsed, however deeply it is nested (ASVS 15.2.2)', async () => {
    const response = await post(body)
    expect(response.status).toBe(413)
    expect(await response.text()).toBe('{"error":"Request body is too large"}')
    expect((await post('['.repeat(20_000))).status).toBe(413)
  })

  it('a streamed body over 8 KiB without a Content-Length returns 413 too', async () => {
    let chunks = 0
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        chunks += 1
        if (chunks > 1000) controller.close()
        else controller.enqueue(new TextEncoder().encode(body))
      },
    })
    const headers = { 'Content-Type': 'application/json' }
    const response = await fetchApp('/login', { method: 'POST', headers, body: stream })
    expect(response.status).toBe(413)
    expect(chunks).toBeLessThan(100)
  })

  it('a body of exactly 8 KiB is read, and one more byte returns 413', async () => {
    const overhead = JSON.stringify({ username: 'cosmo', password: '' }).length
    const ofSize = (bytes: number) =>
      JSON.stringify({ username: 'cosmo', password: 'x'.repeat(bytes - overhead) })
    expect((await post(ofSize(8192))).status).toBe(401)
    expect((await post(ofSize(8193))).status).toBe(413)
  })
})
