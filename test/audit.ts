// The route audit: which routes of an app answer without a good token.

import { env } from 'cloudflare:workers'
import type { Hono } from 'hono'

import type { AppEnv } from '../src/factory.ts'
import { genuineHeader, signSegments } from './helpers.ts'

/** Calls every route without a token and with a forged one; lists those that answer other than 401. */
export async function findUnguarded(
  app: Pick<Hono<AppEnv>, 'routes' | 'fetch'>,
): Promise<string[]> {
  const forged = await signSegments(JSON.stringify(await genuineHeader()), '{}', {
    secret: 'a secret that is not that of the Worker',
  })
  const unguarded = new Set<string>()
  for (const { method, path } of app.routes) {
    // `use` registers under ALL as well, but with a wildcard: no endpoint.
    if (method === 'ALL' && path.endsWith('*')) continue
    const url = `https://latchkey.test${path.replaceAll(/:\w+(\{[^}]*\})?\??|\*/g, 'x')}`
    for (const headers of [{}, { Authorization: `Bearer ${forged}` }]) {
      const request = new Request(url, { method: method === 'ALL' ? 'GET' : method, headers })
      const response = await app.fetch(request, env)
      if (response.status !== 401) unguarded.add(`${method} ${path}`)
    }
  }
  return [...unguarded].toSorted()
}
