import { describe, expect, it, vi } from 'vitest'

import { createClient } from '../../src/client/client.ts'
import { BASE, createLoggedInClient, passSeconds, setUpClientTests } from './network.ts'

setUpClientTests()

describe('the tabs of a browser', () => {
  /** Stubs Web Locks and BroadcastChannel, which workerd lacks. Messages arrive late, as they may between processes. */
  function stubBrowser() {
    const channels: { name: string; listener?: (event: { data: unknown }) => void }[] = []
    class BroadcastChannel {
      name: string
      listener = (_event: { data: unknown }) => {}
      constructor(name: string) {
        this.name = name
        channels.push(this)
      }
      addEventListener = (_type: string, listener: typeof this.listener) => {
        this.listener = listener
      }
      postMessage(data: unknown) {
        for (const channel of channels)
          if (channel !== this && channel.name === this.name)
            setTimeout(() => channel.listener?.({ data }), 20)
      }
    }
    let lastHolder: Promise<unknown> | undefined
    const request = async (
      _name: string,
      options: { ifAvailable?: boolean },
      work: (lock: unknown) => Promise<unknown>,
    ): Promise<unknown> => {
      if (options.ifAvailable && lastHolder) return work(null)
      const result: Promise<unknown> = (lastHolder ?? Promise.resolve()).then(() => work({}))
      const finished = result.catch(() => {})
      lastHolder = finished
      void finished.then(() => (lastHolder = lastHolder === finished ? undefined : lastHolder))
      return result
    }
    vi.stubGlobal('navigator', { locks: { request } })
    vi.stubGlobal('BroadcastChannel', BroadcastChannel)
  }

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
