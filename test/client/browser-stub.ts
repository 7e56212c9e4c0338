// What workerd lacks of a browser with several tabs.

import { vi } from 'vitest'

/** Stubs Web Locks and BroadcastChannel, which workerd lacks. Messages arrive late, as they may between processes. */
export function stubBrowser(
  deliver: (send: () => void) => unknown = (send) => setTimeout(send, 20),
): void {
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
          deliver(() => channel.listener?.({ data }))
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
