import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import { listEndpoints } from '../audit.ts'
import { COSMO, addUser, logged, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

beforeEach(() => addUser())

const GOOD = 'qL7vT2xW9zR4kN6mB1cJ8hG3fD5sA0pY'

/** Every route, asked as a client would ask it that has logged in before the ring broke. */
async function askEveryRoute(bindings: object) {
  const { access_token: token } = await startSession()
  logged.length = 0
  const isolate = createIsolate({ SIGNUP: 'open', ...bindings })
  const answers: Record<string, string> = {}
  for (const { name, method, path } of listEndpoints(app)) {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const body = method === 'GET' ? null : JSON.stringify(COSMO)
    const response = await isolate.fetch(path, { method, headers, body })
    answers[name] = `${response.status} ${await response.text()}`
  }
  return { answers, statements: isolate.statements }
}

describe('a broken ring stops every route but /health; nothing is signed, and no secret is shown (RFC 8725 3.5):', () => {
  it.each<[title: string, variable: string, bindings: Record<string, unknown>]>([
    ['no secret', 'JWT_SECRET', { JWT_SECRET: undefined }],
    ['an empty one', 'JWT_SECRET', { JWT_SECRET: '' }],
    ['one of 31 bytes', 'JWT_SECRET', { JWT_SECRET: GOOD.slice(1) }],
    ["the lesson's", 'JWT_SECRET', { JWT_SECRET: 'super-secret' }],
    ['zeros', 'JWT_SECRET', { JWT_SECRET: '0'.repeat(64) }],
    ['JSON that is cut off', 'JWT_SECRET', { JWT_SECRET: `{"kty":"oct","k":"${GOOD}"` }],
    ['a next one alone', 'JWT_SECRET', { JWT_SECRET: '', JWT_SECRET_NEXT: GOOD }],
    ['the same twice', 'JWT_SECRET_NEXT', { JWT_SECRET_NEXT: env.JWT_SECRET }],
    ['a weak one that only verifies', 'JWT_SECRET_PREVIOUS', { JWT_SECRET_PREVIOUS: 'secret' }],
  ])('%s', async (_, variable, bindings) => {
    const { answers, statements } = await askEveryRoute(bindings)
    expect(Object.keys(answers).length).toBeGreaterThan(9)
    expect(answers).toEqual({
      ...Object.fromEntries(
        Object.keys(answers).map((name) => [name, '503 {"error":"Service unavailable"}']),
      ),
      'GET /health': '200 {"status":"ok"}',
      'GET /ready': '503 {"error":"Not ready: keys"}',
    })
    expect(statements).toBe(0)
    expect(logged).toHaveLength(Object.keys(answers).length - 1)
    const secrets = Object.values(bindings).filter(Boolean).map(String)
    for (const line of logged) {
      const { reason } = JSON.parse(line)
      expect(reason).toMatch(new RegExp(`^${variable} `))
      expect(secrets.filter((secret) => reason.includes(secret))).toEqual([])
    }
  })
})
