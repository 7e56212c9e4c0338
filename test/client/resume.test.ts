import { env } from 'cloudflare:workers'
import { describe, expect, it, vi } from 'vitest'

import { createClient } from '../../src/client/client.ts'
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

describe('a new client resumes the session', () => {
  it('from the cookie: after a reload the first request refreshes, and scripts never see the refresh token', async () => {
    const { network, session } = await createLoggedInClient({ cookie: true })
    expect(JSON.stringify(session.tokens)).not.toContain('refresh_token')
    const reloaded = createClient(BASE, { fetch: network.fetch, cookie: true })
    network.sent.length = 0
    const responses = await Promise.all([1, 2, 3].map(() => reloaded.api.protected.$get()))
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(network.count('/refresh')).toBe(1)
    expect(network.count('/protected')).toBe(3)
  })

  it('from a store, which contains the newest refresh token, and none after a logout', async () => {
    const saved: (string | undefined)[] = []
    const store = { load: () => saved.at(-1), save: (token?: string) => void saved.push(token) }
    const { network } = await createLoggedInClient({ store })
    const restarted = createClient(BASE, { fetch: network.fetch, store })
    expect(await restarted.session.refresh()).toBe(true)
    expect((await restarted.api.protected.$get()).status).toBe(200)
    await restarted.session.logout()
    expect(new Set(saved).size).toBe(3)
    expect(saved.at(-1)).toBe(undefined)
  })

  it('but without one there is no event and only one refresh', async () => {
    const network = createNetwork()
    const onSignedOut = vi.fn<(reason: string) => void>()
    const options = { fetch: network.fetch, cookie: true, onSignedOut }
    const { api, session } = createClient(BASE, options)
    expect(await session.refresh()).toBe(false)
    expect((await api.protected.$get()).status).toBe(401)
    expect(network.sent).toEqual(['POST /refresh', 'GET /protected'])
    expect(onSignedOut).not.toHaveBeenCalled()
  })

  it('unless it was revoked meanwhile, which calls onSignedOut', async () => {
    const { network } = await createLoggedInClient({ cookie: true })
    await revokeSessions()
    const onSignedOut = vi.fn<(reason: string) => void>()
    const options = { fetch: network.fetch, cookie: true, onSignedOut }
    expect(await createClient(BASE, options).session.refresh()).toBe(false)
    expect(onSignedOut.mock.calls).toEqual([['token_revoked']])
  })
})

it('a client whose browser dropped the cookie logs out with the access token', async () => {
  const { session, network } = await createLoggedInClient({ cookie: true })
  network.cookie = ''
  expect((await session.logout()).status).toBe(200)
  const row = await env.DB.prepare('SELECT revoked_at FROM sessions').first()
  expect(row?.revoked_at).not.toBe(null)
})

it('a caller that gets its 401 late uses the token of a refresh that has finished meanwhile', async () => {
  const { fetch } = createIsolate()
  let release = () => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  const delayed: typeof fetch = async (path, init) => {
    const response = await fetch(path, init)
    if (path === '/me' && response.status === 401) await released
    return response
  }
  const { api, network } = await createLoggedInClient({}, createNetwork({ fetch: delayed }))
  passSeconds(1000)
  const waiting = api.me.$get()
  expect((await api.protected.$get()).status).toBe(200)
  release()
  expect((await waiting).status).toBe(200)
  expect(network.count('/refresh')).toBe(1)
})
