// A typed client: every route of the app as a function, with a session behind it that keeps itself alive.

import { hc } from 'hono/client'

import type { App } from '../app.ts'
import { Session, type SessionOptions } from '../public/session.js'

/**
 * A client of the Worker at `baseUrl`. `api` is typed from the app's routes (`hono/client`) and sends
 * the access token; `session` logs in and out. In a page the refresh token stays in the browser's
 * cookie, elsewhere in `store`.
 *
 * @example
 * const { session, api } = createClient('https://latchkey.example.com')
 * await session.login({ username, password })
 * const { message } = await (await api.protected.$get()).json()
 */
export function createClient(baseUrl: string, options?: SessionOptions) {
  const session = new Session(baseUrl, options)
  // hc calls it with a text and nothing else.
  const send = (url: unknown, init?: RequestInit) => session.fetch(String(url), init)
  return { session, api: hc<App>(baseUrl, { fetch: send }) }
}
