// A typed client: every route as a function, with a session that refreshes its tokens automatically.

import { hc } from 'hono/client'

import type { App } from '../app.ts'
import { ClientSession, type SessionOptions } from '../public/session.js'

/**
 * Creates a client of the Worker at `baseUrl`. `api` is typed from the app's routes (`hono/client`)
 * and sends the access token. `session` logs in and out. In a page of the Worker's origin the refresh
 * token stays in the browser's cookie, elsewhere in `store`. Path parameters are sent as they are: pass them
 * through `encodeURIComponent`. `onCodeNeeded` is called for the second factor; after one is added, `session.refresh()`
 * gets tokens that say so (`acr`).
 *
 * @example
 * const onCodeNeeded = () => prompt('Code of your app, or a recovery code') ?? undefined
 * const { session, api } = createClient('https://latchkey.example.com', { onCodeNeeded })
 * await session.login({ username, password })
 * const { message } = await (await api.protected.$get()).json()
 */
export function createClient(baseUrl: string, options?: SessionOptions) {
  const session = new ClientSession(baseUrl, options)
  // hc always passes the URL as a string.
  const send = (url: unknown, init?: RequestInit) => session.fetch(String(url), init)
  return { session, api: hc<App>(baseUrl, { fetch: send }) }
}
