// npm run openapi: writes the OpenAPI document to where the Worker serves it.

import { writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

import { describeApi, type OwnRoute } from '../contract/openapi.ts'
import { OPERATIONS } from '../contract/operations.ts'

export const FILE = 'src/public/openapi.json'

export const renderApi = (ownRoutes: OwnRoute[] = []) =>
  `${JSON.stringify(describeApi(ownRoutes), null, 2)}\n`

/** Returns the routes of the app that operations.ts does not describe, except those with a wildcard. */
async function listOwnRoutes(): Promise<OwnRoute[]> {
  // Node cannot import the Worker's WebAssembly module, which no route calls while it is registered.
  registerHooks({
    load: (url, context, load) =>
      url.endsWith('.wasm')
        ? { format: 'module', source: 'export default undefined', shortCircuit: true }
        : load(url, context),
  })
  const { app } = await import('../app.ts')
  const { isStrictGuard, unwrap } = await import('../middleware/jwt.ts')
  const { bodySchemas } = await import('../middleware/validate.ts')
  const own = new Map<string, OwnRoute>()
  for (const [index, { method, path }] of app.routes.entries()) {
    const described = path.replaceAll(/:(\w+)(?:\{[^/]*\})?\??/g, '{$1}')
    const name = `${method} ${described}`
    if (method === 'ALL' || path.includes('*') || OPERATIONS[name]) continue
    const handlers = app.routes
      .slice(0, index + 1) // a guard that is registered later does not run
      .filter((route) => route.method === method || route.method === 'ALL')
      .filter((route) => covers(route.path, path))
      .map(({ handler }) => unwrap(handler))
    const body = handlers.map((handler) => bodySchemas.get(handler)).find(Boolean)
    own.set(name, { method, path: described, isGuarded: handlers.some(isStrictGuard), body })
  }
  return [...own.values()]
}

const covers = (pattern: string, path: string) =>
  pattern === path || (pattern.endsWith('/*') && path.startsWith(pattern.slice(0, -1)))

if (import.meta.main) {
  writeFileSync(FILE, renderApi(await listOwnRoutes()))
  console.log(`Wrote ${FILE}`)
}
