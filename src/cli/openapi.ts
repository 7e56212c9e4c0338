// npm run openapi: writes the OpenAPI document to where the Worker serves it.

import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

import { describeApi, type OwnRoute } from '../contract/openapi.ts'
import { OPERATIONS } from '../contract/operations.ts'
import { parseArguments } from './terminal/arguments.ts'
import { runCommand } from './terminal/command-error.ts'
import { print, replaceFile } from './terminal/output.ts'

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

const HELP = `Usage: npm run openapi

Writes the OpenAPI document to ${FILE}, from where the
Worker serves it.`

// npm starts it through start.js
if (import.meta.main || process.argv[1] === fileURLToPath(import.meta.url))
  await runCommand(async () => {
    const options = { help: { type: 'boolean', short: 'h' } } as const
    const usage = { script: 'openapi', max: 0 }
    if (parseArguments(process.argv.slice(2), options, usage).values.help) return print(HELP)
    replaceFile(FILE, renderApi(await listOwnRoutes()))
    print(`Wrote ${FILE}`)
  })
