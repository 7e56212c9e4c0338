import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import { createClient } from '../../src/client/client.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { onError } from '../../src/http/error-response.ts'
import { openContext } from '../../src/middleware/context.ts'
import { jwtRequired } from '../../src/middleware/jwt.ts'
import { enrol, showOtp } from '../auth/factors/enrolled.ts'
import { COSMO } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'
import {
  BASE,
  createLoggedInClient,
  createNetwork,
  passSeconds,
  revokeSessions,
  setUpClientTests,
} from './network.ts'

setUpClientTests()

describe.each([{ cookie: false }, { cookie: true }])('a client with %j', (mode) => {
  it('whose token has expired refreshes once for 20 callers, and each gets its response', async () => {
    const { api, network, onSignedOut } = await createLoggedInClient(mode)
    passSeconds(1000)
    const responses = await Promise.all(Array.from({ length: 20 }, () => api.protected.$get()))
    expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(network.count('/refresh')).toBe(1)
    expect(network.count('/protected')).toBe(40)
    const { results } = await env.DB.prepare('SELECT generation FROM sessions').all()
    expect(results).toEqual([{ generation: 1 }])
    expect(onSignedOut).not.toHaveBeenCalled()
  })

  it.each([
    ['at once', 0],
    ['after its token has expired', 1000],
  ])('that changes the password %s goes on with a new session', async (_, seconds) => {
    const { session, onSignedOut } = await createLoggedInClient(mode)
    passSeconds(seconds)
    const before = session.tokens?.access_token
    const change = {
      current_password: COSMO.password,
      new_password: 'a dog in a rocket, barking',
    }
    expect((await session.changePassword(change)).status).toBe(200)
    expect(session.tokens?.access_token).not.toBe(before)
    expect((await session.fetch('/protected')).status).toBe(200)
    expect(await session.refresh()).toBe(true)
    expect(onSignedOut).not.toHaveBeenCalled()
  })

  it('whose session was revoked reports it once and drops the tokens', async () => {
    const { api, session, network, onSignedOut } = await createLoggedInClient(mode)
    passSeconds(1000)
    await revokeSessions()
    const responses = await Promise.all(Array.from({ length: 20 }, () => api.protected.$get()))
    expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(401))
    expect(network.count('/refresh')).toBe(1)
    expect(onSignedOut.mock.calls).toEqual([['token_revoked']])
    expect(session.tokens).toBe(undefined)
    expect(network.cookie).toBe('')
    network.sent.length = 0
    expect((await api.protected.$get()).status).toBe(401)
    expect(network.sent).toEqual(['GET /protected'])
  })

  it('retries a rejected request only once', async () => {
    const { api, network } = await createLoggedInClient(mode)
    const challenge = { 'WWW-Authenticate': 'Bearer realm="latchkey", error="invalid_token"' }
    network.replaceResponse = (path) =>
      path === '/protected' ? Response.json({}, { status: 401, headers: challenge }) : undefined
    expect((await api.protected.$get()).status).toBe(401)
    expect(network.sent).toEqual([
      'POST /login',
      'GET /protected',
      'POST /refresh',
      'GET /protected',
    ])
  })

  it.each([
    ['503', () => new Response('{"error":"Service unavailable"}', { status: 503 })],
    ['429', () => new Response('{"error":"Too many attempts"}', { status: 429 })],
  ])(
    'that gets %s for its refresh returns that response and keeps its tokens',
    async (_, respond) => {
      const { api, session, network, onSignedOut } = await createLoggedInClient(mode)
      passSeconds(1000)
      network.replaceResponse = (path) => (path === '/refresh' ? respond() : undefined)
      const responses = await Promise.all([api.protected.$get(), api.protected.$get()])
      for (const response of responses) {
        expect(response.status).toBe(respond().status)
        expect(await response.text()).toBe(await respond().text())
      }
      await expect(session.refresh()).rejects.toThrow('/refresh failed')
      network.replaceResponse = () => undefined
      expect((await api.protected.$get()).status).toBe(200)
      expect(onSignedOut).not.toHaveBeenCalled()
    },
  )

  it('whose refresh gets no response throws and keeps its tokens', async () => {
    const { api, network, onSignedOut } = await createLoggedInClient(mode)
    passSeconds(1000)
    network.replaceResponse = (path) => {
      if (path === '/refresh') throw new TypeError('Failed to fetch')
      return undefined
    }
    await expect(api.protected.$get()).rejects.toThrow('Failed to fetch')
    network.replaceResponse = () => undefined
    expect((await api.protected.$get()).status).toBe(200)
    expect(onSignedOut).not.toHaveBeenCalled()
  })

  it('logs out even with an expired access token', async () => {
    const { api, session, network, onSignedOut } = await createLoggedInClient(mode)
    passSeconds(1000)
    expect((await session.logout()).status).toBe(200)
    expect(onSignedOut.mock.calls).toEqual([['logout']])
    const row = await env.DB.prepare('SELECT revoked_at FROM sessions').first()
    expect(row?.revoked_at).not.toBe(null)
    expect(network.cookie).toBe('')
    expect((await api.protected.$get()).status).toBe(401)
    expect(network.count('/refresh')).toBe(0)
  })

  it('signs up a new user and is then logged in', async () => {
    const network = createNetwork(createIsolate({ SIGNUP: 'open' }))
    const { api, session } = createClient(BASE, { fetch: network.fetch, ...mode })
    const ada = { username: 'ada', password: 'analytical engine' }
    expect((await session.signUp(ada)).status).toBe(201)
    expect(await (await api.me.$get()).json()).toMatchObject({ username: 'ada', roles: [] })
    passSeconds(1000)
    expect((await api.protected.$get()).status).toBe(200)
  })

  it('that logs out other sessions keeps its own', async () => {
    const [other, current] = [await createLoggedInClient(mode), await createLoggedInClient(mode)]
    expect((await current.session.logout('others')).status).toBe(200)
    expect((await current.api.protected.$get()).status).toBe(200)
    expect(current.onSignedOut).not.toHaveBeenCalled()
    passSeconds(1000)
    expect((await other.api.protected.$get()).status).toBe(401)
    expect(other.onSignedOut).toHaveBeenCalledTimes(1)
  })

  it('that cannot reach the Worker to log out still drops its tokens (ASVS 14.3.1)', async () => {
    const { session, network, onSignedOut } = await createLoggedInClient(mode)
    network.replaceResponse = () => {
      throw new TypeError('Failed to fetch')
    }
    await expect(session.logout()).rejects.toThrow('Failed to fetch')
    expect(session.tokens).toBe(undefined)
    expect(onSignedOut.mock.calls).toEqual([['logout']])
  })

  it('asks for a one-time code when one is needed, and again when it was wrong', async () => {
    const { secret } = await enrol()
    passSeconds(30)
    const network = createNetwork()
    const asked: string[] = []
    const onCodeNeeded = async (reason: string) => {
      asked.push(reason)
      return reason === 'otp_required' ? 'not a code' : showOtp(secret)
    }
    const { api, session } = createClient(BASE, { fetch: network.fetch, onCodeNeeded, ...mode })
    expect((await session.login(COSMO)).status).toBe(200)
    expect(asked).toEqual(['otp_required', 'otp_wrong'])
    expect(await (await api.me['recovery-codes'].$get()).json()).toEqual({
      total: 10,
      remaining: 10,
    })
  })

  it('without a code for a user who needs one has no tokens and returns the response', async () => {
    const { secret } = await enrol()
    passSeconds(30)
    const { session } = createClient(BASE, { fetch: createNetwork().fetch, ...mode })
    const response = await session.login(COSMO)
    expect(await response.json()).toEqual({ error: 'One-time code required' })
    expect(session.tokens).toBe(undefined)
    expect((await session.login({ ...COSMO, otp: await showOtp(secret) })).status).toBe(200)
  })

  it('whose login fails has no tokens and sends nothing else', async () => {
    const network = createNetwork()
    const { session } = createClient(BASE, { fetch: network.fetch, ...mode })
    const response = await session.login({ ...COSMO, password: 'wrong' })
    expect(await response.json()).toEqual({ error: 'Bad username or password' })
    expect(session.tokens).toBe(undefined)
    expect(network.sent).toEqual(['POST /login'])
  })
})

it('a 401 for a login that is too old is returned without a refresh (RFC 9470 3)', async () => {
  const extended = new Hono<AppEnv>()
    .onError(onError)
    .use(openContext)
    .get('/fresh', jwtRequired({ fresh: 60 }), (c) => c.json('fresh'))
    .route('/', app)
  const { fetch } = createIsolate({}, extended)
  const { session, network } = await createLoggedInClient({}, createNetwork({ fetch }))
  expect((await session.fetch('/fresh')).status).toBe(200)
  passSeconds(61)
  const response = await session.fetch('/fresh')
  expect(await response.json()).toEqual({ msg: 'Fresh token required' })
  expect(network.sent).toEqual(['POST /login', 'GET /fresh', 'GET /fresh'])
})

it('the token is sent to its own API only (ASVS 14.2.1)', async () => {
  const { session, network } = await createLoggedInClient()
  for (const url of ['https://evil.example/', '//evil.example/protected', 'http://latchkey.test/'])
    await expect(session.fetch(url)).rejects.toThrow(
      'The token is only sent to https://latchkey.test',
    )
  expect(network.sent).toEqual(['POST /login'])
})
