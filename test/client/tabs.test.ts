import { describe, expect, it, vi } from 'vitest'

import { createClient } from '../../src/client/client.ts'
import { stubBrowser } from './browser-stub.ts'
import { BASE, createLoggedInClient, passSeconds, setUpClientTests } from './network.ts'

setUpClientTests()

describe('the tabs of a browser', () => {
  async function openTabs(count: number) {
    stubBrowser()
    const first = await createLoggedInClient({ cookie: true })
    const { network } = first
    const tabs = Array.from({ length: count - 1 }, () => {
      const onSignedOut = vi.fn<(reason: string) => void>()
      const options = { fetch: network.fetch, cookie: true, onSignedOut }
      return { ...createClient(BASE, options), onSignedOut }
    })
    network.sent.length = 0
    return { network, tabs: [first, ...tabs] }
  }

  it('refresh once for all of them, and each gets its response', async () => {
    const { tabs, network } = await openTabs(5)
    passSeconds(1000)
    const responses = await Promise.all(tabs.map(({ api }) => api.protected.$get()))
    expect(responses.map(({ status }) => status)).toEqual(Array(5).fill(200))
    expect(network.count('/refresh')).toBe(1)
    expect(new Set(tabs.map(({ session }) => session.tokens?.access_token)).size).toBe(1)
  })

  it('retry the refresh one after another when it fails', async () => {
    const { tabs, network } = await openTabs(2)
    passSeconds(1000)
    let failures = 1
    network.replaceResponse = (path) =>
      path === '/refresh' && failures-- > 0 ? new Response('', { status: 503 }) : undefined
    const responses = await Promise.all(tabs.map(({ api }) => api.protected.$get()))
    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 503])
  })

  it('are all logged out by one of them', async () => {
    const {
      tabs: [one, other],
      network,
    } = await openTabs(2)
    await other?.session.refresh()
    await one?.session.logout()
    await vi.waitFor(() => expect(other?.onSignedOut.mock.calls).toEqual([['logout']]))
    expect((await other?.api.protected.$get())?.status).toBe(401)
    expect(network.count('/refresh')).toBe(1)
  })
})
