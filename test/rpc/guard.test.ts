import { createExecutionContext } from 'cloudflare:test'
import { beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'

import type { AccessClaims } from '../../src/auth/tokens/claims.ts'
import * as worker from '../../src/index.ts'
import type { AccessClaims as SentClaims } from '../../src/rpc/contract.ts'
import { Guard } from '../../src/rpc/guard.ts'
import { addUser, fetchApp, logged, login, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const OWN = ['verify', 'revoked']

beforeEach(() => addUser())

/** The entrypoint of an isolate, without a service binding in between. */
const open = (bindings: object = {}) =>
  new Guard(createExecutionContext(), createIsolate(bindings).env)

describe('the entrypoint Guard', () => {
  it('the entrypoint has two methods, and nothing else that a binding could call', () => {
    expect(Reflect.ownKeys(Guard.prototype).toSorted()).toEqual(['constructor', ...OWN].toSorted())
    expect(Object.keys(worker).toSorted()).toEqual(['Guard', 'default'])
    const inherited = Object.getOwnPropertyNames(Object.getPrototypeOf(Guard.prototype))
    expect(inherited).toEqual(['constructor'])
  })

  it('the entrypoint is not reachable over HTTP', async () => {
    expect('fetch' in Guard.prototype).toBe(false)
    for (const path of ['/Guard', '/guard', '/verify', '/revoked', '/rpc', '/Guard/verify'])
      expect((await fetchApp(path, { method: 'POST', body: '{}' })).status).toBe(404)
  })

  it('the claims that it returns have the type that the contract promises', () => {
    expectTypeOf<SentClaims>().toEqualTypeOf<AccessClaims>()
  })

  it('verify returns the claims of a valid access token, and what the caller may keep', async () => {
    const verdict = await open().verify(await login(), {})
    expect(verdict).toMatchObject({
      user: { sub: 'cosmo', type: 'access', roles: [] },
      policy: { ACCESS_TOKEN_SECONDS: 900, REVOCATION_SECONDS: 5 },
    })
  })

  it.each(['access', 'refresh', 'any'] as const)(
    'verify rejects a refresh token, also with tokenType "%s" (RFC 6749 1.5)',
    async (tokenType) => {
      const { refresh_token: token } = await startSession()
      const verdict = await open().verify(token, { tokenType })
      expect(verdict.refusal).toMatchObject({
        status: 401,
        body: { msg: 'Only non-refresh tokens are allowed' },
      })
    },
  )

  it('verify throws for an option that it does not know, and so never ignores one of a newer guard', async () => {
    const newer: object = { scope: 'reports' }
    await expect(open().verify(await login(), newer)).rejects.toThrow("unknown option 'scope'")
  })

  it('revoked returns the sessions that were revoked since then, and nobody else', async () => {
    const [first, second] = [await login(), await login()]
    await fetchApp('/logout', { method: 'POST', headers: { Authorization: `Bearer ${first}` } })
    const { user } = (await open().verify(second, {})) as { user: AccessClaims }
    const list = await open().revoked(Math.floor(Date.now() / 1000) - 60)
    expect(list).toMatchObject({ ids: [expect.any(String)] })
    expect(JSON.stringify(list)).not.toContain(user.sid)
    const later = await open().revoked(Math.floor(Date.now() / 1000) + 60)
    expect(later).toMatchObject({ ids: [], revokedBefore: 0 })
  })

  it('a rejected token is logged without the token, under the event of the same error over HTTP', async () => {
    const forged = `${await login()}x`
    await open().verify(forged, {})
    expect(JSON.parse(logged.at(-1) ?? '')).toMatchObject({
      level: 'info',
      event: 'token.rejected',
      status: 401,
      route: '/Guard',
    })
    expect(logged.join('')).not.toContain(forged.slice(-20))
  })

  it.each<[title: string, bindings: object, retryAfter: string]>([
    ['a secret that is too short', { JWT_SECRET: 'short' }, '60'],
    ['wrong settings', { ACCESS_TOKEN_SECONDS: '15m' }, '60'],
  ])('%s is a 503 with Retry-After for every caller', async (_, bindings, retryAfter) => {
    for (const ask of [open(bindings).verify('x.y.z', {}), open(bindings).revoked(0)])
      expect((await ask).refusal).toMatchObject({
        status: 503,
        headers: { 'retry-after': retryAfter, 'x-request-id': expect.any(String) },
        body: { error: 'Service unavailable' },
      })
  })

  it('a database that fails is a 503 with Retry-After, and its error is logged', async () => {
    const isolate = createIsolate()
    const token = await login()
    const guard = new Guard(createExecutionContext(), isolate.env)
    for (const ask of [() => guard.verify(token, {}), () => guard.revoked(0)]) {
      isolate.fault = { at: isolate.statements + 1, when: 'before' }
      expect((await ask()).refusal).toMatchObject({ status: 503, headers: { 'retry-after': '5' } })
      expect(JSON.parse(logged.at(-1) ?? '')).toMatchObject({ event: 'database.failed' })
    }
  })

  it('an unexpected error is a 500 that reveals nothing', async () => {
    vi.spyOn(crypto.subtle, 'verify').mockRejectedValue(new Error('a bug'))
    const { refusal } = await open().verify(await login(), {})
    expect(refusal).toMatchObject({ status: 500, body: { error: 'Internal server error' } })
    expect(JSON.stringify(refusal)).not.toContain('a bug')
  })
})
