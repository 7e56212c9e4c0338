import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import { listEndpoints } from '../audit.ts'
import { COSMO, addUser, logged, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

beforeEach(() => addUser())

const STRONG_SECRET = 'qL7vT2xW9zR4kN6mB1cJ8hG3fD5sA0pY'

/** Calls every route with an access token that was issued while the key ring was valid. */
async function callEveryRoute(bindings: object) {
  const { access_token: token } = await startSession()
  logged.length = 0
  const isolate = createIsolate({ SIGNUP: 'open', ...bindings })
  const responses: Record<string, string> = {}
  for (const { name, method, path } of listEndpoints(app)) {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const code = { code: 'x', new_password: 'a dog in a rocket, barking' }
    const json = JSON.stringify(path === '/reset-password' ? code : COSMO)
    const body = method === 'GET' ? null : json
    const response = await isolate.fetch(path, { method, headers, body })
    responses[name] = `${response.status} ${await response.text()}`
  }
  return { responses, statements: isolate.statements }
}

describe('an invalid key ring (RFC 8725 3.5)', () => {
  it.each<[title: string, variable: string, bindings: Record<string, unknown>]>([
    ['a missing secret', 'JWT_SECRET', { JWT_SECRET: undefined }],
    ['an empty secret', 'JWT_SECRET', { JWT_SECRET: '' }],
    ['a secret of 31 bytes', 'JWT_SECRET', { JWT_SECRET: STRONG_SECRET.slice(1) }],
    ["the lesson's secret", 'JWT_SECRET', { JWT_SECRET: 'super-secret' }],
    ['a secret of zeros', 'JWT_SECRET', { JWT_SECRET: '0'.repeat(64) }],
    [
      'a secret that is truncated JSON',
      'JWT_SECRET',
      { JWT_SECRET: `{"kty":"oct","k":"${STRONG_SECRET}"` },
    ],
    [
      'a next secret without a current one',
      'JWT_SECRET',
      { JWT_SECRET: '', JWT_SECRET_NEXT: STRONG_SECRET },
    ],
    ['the same secret as current and next', 'JWT_SECRET_NEXT', { JWT_SECRET_NEXT: env.JWT_SECRET }],
    ['a weak previous secret', 'JWT_SECRET_PREVIOUS', { JWT_SECRET_PREVIOUS: 'secret' }],
  ])(
    '%s makes every route except /health return 503, and the log names the variable but no secret (RFC 8725 3.5)',
    async (_, variable, bindings) => {
      const { responses, statements } = await callEveryRoute(bindings)
      expect(Object.keys(responses).length).toBeGreaterThan(9)
      expect(responses).toEqual({
        ...Object.fromEntries(
          Object.keys(responses).map((name) => [name, '503 {"error":"Service unavailable"}']),
        ),
        'GET /health': '200 {"status":"ok"}',
        'GET /ready': '503 {"error":"Not ready: keys"}',
      })
      expect(statements).toBe(0)
      expect(logged).toHaveLength(Object.keys(responses).length - 1)
      const secrets = Object.values(bindings).filter(Boolean).map(String)
      for (const line of logged) {
        const { reason } = JSON.parse(line)
        expect(reason).toMatch(new RegExp(`^${variable} `))
        expect(secrets.filter((secret) => reason.includes(secret))).toEqual([])
      }
    },
  )
})
