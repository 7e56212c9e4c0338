// The route audit: finds the routes of an app that respond without a valid token.

import { env } from 'cloudflare:workers'
import type { Hono } from 'hono'

import type { AppEnv } from '../src/app-env.ts'
import { genuineHeader, signSegments } from './helpers.ts'

/** Returns each endpoint of an app once, with a path that reaches it. */
export function listEndpoints(app: Pick<Hono<AppEnv>, 'routes'>) {
  // `use` also registers under ALL, but with a wildcard, which is not an endpoint.
  const endpoints = app.routes.filter(({ method, path }) => method !== 'ALL' || !path.endsWith('*'))
  const byName = new Map(
    endpoints.map(({ method, path }) => {
      const example = path.replaceAll(/:\w+(\{[^}]*\})?\??|\*/g, 'x')
      return [`${method} ${path}`, { method: method === 'ALL' ? 'GET' : method, path: example }]
    }),
  )
  return [...byName].map(([name, endpoint]) => ({ name, ...endpoint }))
}

/** Calls every route without a token and with a forged one. Returns the routes that do not respond with 401. */
export async function findUnguarded(
  app: Pick<Hono<AppEnv>, 'routes' | 'fetch'>,
): Promise<string[]> {
  const forged = await signSegments(JSON.stringify(await genuineHeader()), '{}', {
    secret: 'a secret that is not that of the Worker',
  })
  const unguarded = new Set<string>()
  for (const { name, method, path } of listEndpoints(app)) {
    for (const headers of [{}, { Authorization: `Bearer ${forged}` }]) {
      const request = new Request(`https://latchkey.test${path}`, { method, headers })
      const response = await app.fetch(request, env)
      if (response.status !== 401) unguarded.add(name)
    }
  }
  return [...unguarded].toSorted()
}
