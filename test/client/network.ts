// What the client tests share: a fake network between the client and the Worker, and a fake clock.

import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, vi } from 'vitest'

import { createClient } from '../../src/client/client.ts'
import type { SessionOptions } from '../../src/public/session.js'
import { COSMO, addUser } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

export const BASE = 'https://latchkey.test'

/** Sets up the user and a fake clock for each test of a file. */
export function setUpClientTests(): void {
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await addUser()
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })
}

export const passSeconds = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

/** Creates a fake network: it records requests, can replace responses, and stores cookies like a browser. */
export function createNetwork({ fetch: forward = createIsolate().fetch } = {}) {
  const network = {
    sent: [] as string[],
    cookie: '',
    replaceResponse: (_path: string): Response | undefined => undefined,
    count: (path: string) => network.sent.filter((line) => line.endsWith(path)).length,
    async fetch(url: URL, init: RequestInit): Promise<Response> {
      network.sent.push(`${init.method ?? 'GET'} ${url.pathname}`)
      const replacement = network.replaceResponse(url.pathname)
      if (replacement) return replacement
      const headers = new Headers(init.headers)
      headers.set('Sec-Fetch-Site', 'same-origin')
      if (network.cookie) headers.set('Cookie', network.cookie)
      const response = await forward(url.pathname + url.search, { ...init, headers })
      const [pair, maxAge] = response.headers.get('Set-Cookie')?.split('; ') ?? []
      if (pair) network.cookie = maxAge === 'Max-Age=0' ? '' : pair
      return response
    },
  }
  return network
}

/** Creates a client and logs in. */
export async function createLoggedInClient(
  options: SessionOptions = {},
  network = createNetwork(),
) {
  const onSignedOut = vi.fn<(reason: string) => void>()
  const client = createClient(BASE, { fetch: network.fetch, onSignedOut, ...options })
  expect((await client.session.login(COSMO)).status).toBe(200)
  return { ...client, network, onSignedOut }
}

export const revokeSessions = () => env.DB.prepare('UPDATE sessions SET revoked_at = 1').run()
