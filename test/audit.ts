// The route audit: finds what an app responds with to requests without a valid token, from its structure and by calling it.

import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { Hono } from 'hono'

import type { AppEnv } from '../src/app-env.ts'
import { openContext } from '../src/middleware/context.ts'
import { allowOrigins } from '../src/middleware/cors.ts'
import { httpsRequired } from '../src/middleware/https.ts'
import { isStrictGuard, unwrap } from '../src/middleware/jwt.ts'
import { securityHeaders } from '../src/middleware/security-headers.ts'
import { genuineHeader, signSegments } from './helpers.ts'

type App = Pick<Hono<AppEnv>, 'routes' | 'router' | 'fetch'>

/** Middleware that may run in front of a guard: it never responds with data. Add your own here. */
const HARMLESS = new Set<unknown>([securityHeaders, httpsRequired, openContext, allowOrigins])

/** A path for each route whose parameters no candidate matches: `'/orders/:id{[A-Z]{3}}': '/orders/ABC'`. */
const EXAMPLES: Record<string, string> = {}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const CANDIDATES = [
  'x',
  '1',
  '123',
  'a1',
  '2026-01-01',
  'x.txt',
  '00000000-0000-4000-8000-000000000000',
]

/** Returns a path that the route matches. Throws when none of the candidates fits its parameters. */
export function toExample(path: string, examples = EXAMPLES): string {
  const given = examples[path]
  if (given) return given
  return path.replaceAll(
    /:\w+(?:\{((?:[^{}]|\{[^{}]*\})*)\})?\??|\*/g,
    (parameter, pattern?: string) => {
      const found = CANDIDATES.find((text) => new RegExp(`^(?:${pattern ?? '.*'})$`).test(text))
      if (found) return found
      throw new Error(`${path}: add a path that matches ${parameter} to EXAMPLES in test/audit.ts`)
    },
  )
}

/** `name` is that of the route; `path` reaches it. */
type Endpoint = { name: string; method: string; path: string }

/** Returns each endpoint of an app once per method. */
export function listEndpoints(app: Pick<App, 'routes'>): Endpoint[] {
  const endpoints = new Map<string, Endpoint>()
  for (const { method, path, handler } of app.routes) {
    if (isStrictGuard(handler) || HARMLESS.has(unwrap(handler))) continue
    for (const one of method === 'ALL' ? METHODS : [method])
      endpoints.set(`${one} ${path}`, {
        name: `${method} ${path}`,
        method: one,
        path: toExample(path),
      })
  }
  return [...endpoints.values()]
}

/** Whether a guard is registered in front of everything that may respond to a request. */
function isGuarded(app: App, method: string, path: string): boolean {
  const [matches] = app.router.match(method, path) as unknown as [
    [[handler: object, route: { handler: object }]][],
  ]
  const first = matches
    .map(([[, route]]) => route.handler)
    .find((handler) => !HARMLESS.has(unwrap(handler)))
  return first !== undefined && isStrictGuard(first)
}

/** Calls an endpoint with these headers; returns whether the response is not a 401. */
async function isOpen(app: App, { method, path }: Endpoint, headers: HeadersInit) {
  const request = new Request(`https://latchkey.test${path}`, { method, headers })
  return (await app.fetch(request, env, createExecutionContext())).status !== 401
}

/** Returns the routes that respond to a refresh token. Each is called with a new one, because it may use it up. */
export async function findOpenToRefreshTokens(
  app: App,
  createToken: () => Promise<string>,
): Promise<string[]> {
  const open = new Set<string>()
  for (const endpoint of listEndpoints(app)) {
    const headers = { Authorization: `Bearer ${await createToken()}` }
    if (await isOpen(app, endpoint, headers)) open.add(endpoint.name)
  }
  return [...open].toSorted()
}

/** Returns the routes that are not guarded, or that respond to a request without a valid token. */
export async function findUnguarded(app: App): Promise<string[]> {
  const forged = await signSegments(JSON.stringify(await genuineHeader()), '{}', {
    secret: 'a secret that is not that of the Worker',
  })
  const unguarded = new Set<string>()
  for (const endpoint of listEndpoints(app)) {
    const { name, method, path } = endpoint
    if (!isGuarded(app, method, path)) unguarded.add(name)
    for (const headers of [{}, { Authorization: `Bearer ${forged}` }])
      if (await isOpen(app, endpoint, headers)) unguarded.add(name)
  }
  return [...unguarded].toSorted()
}

/** Returns what to do about each unguarded route that is not public. */
export const explainUnguarded = (unguarded: string[], publicRoutes: string[]): string[] =>
  unguarded
    .filter((route) => !publicRoutes.includes(route))
    .map(
      (route) =>
        `${route} responds without a token. Register it behind jwtRequired(), or add '${route}' to PUBLIC in test/routes/audit.test.ts.`,
    )

/** Returns what to do about each route that a refresh token opens and that is not listed. */
export const explainOpenToRefreshTokens = (open: string[], listed: string[]): string[] =>
  open
    .filter((route) => !listed.includes(route))
    .map(
      (route) =>
        `${route} accepts a refresh token. Require an access token, or add '${route}' to FOR_REFRESH_TOKENS in test/routes/audit.test.ts.`,
    )
