// Serves a copy of the project with a fresh database, as `npm run dev` does, for all browser tests.

import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { TestProject } from 'vitest/node'

import { createProject } from '../cli/project.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The Worker's origin; empty without Chromium. */
    origin: string
    chromium: string
  }
}

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)

/** The user whose password a test changes. */
export const ADA = { username: 'ada', password: 'a tram to the opera' }

export async function setup(vitest: TestProject) {
  vitest.provide('chromium', CHROMIUM ?? '')
  vitest.provide('origin', '')
  if (!CHROMIUM) {
    console.warn(
      'Skipping the browser tests: Chromium is not installed. Run: apt-get install chromium',
    )
    return undefined
  }
  const { project, url, stop } = await serve()
  const { code, stderr } = await project.run('users', ['add', ADA.username], ADA.password)
  if (code !== 0) throw new Error(stderr)
  const root = await project.run(
    'users',
    ['add', 'root', '--role', 'admin'],
    'a tree with many branches',
  )
  if (root.code !== 0) throw new Error(root.stderr)
  vitest.provide('origin', url)
  return stop
}

/** Starts `npm run dev` in a copy of the project, whose settings `configure` may change. */
export async function serve(configure = (settings: string) => settings) {
  const project = createProject()
  // Tests log in more often than a user.
  const settings = readFileSync('wrangler.toml', 'utf8').replace('limit = 30,', 'limit = 100000,')
  project.write('wrangler.toml', configure(settings))
  const port = await findFreePort()
  const dev = project.start('dev', ['--port', String(port)])
  let output = ''
  for (const stream of [dev.stdout, dev.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  while (!output.includes('Bearer $TOKEN')) {
    if (dev.exitCode !== null) throw new Error(output)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const stop = async () => {
    dev.kill('SIGTERM')
    await once(dev, 'close')
    rmSync(project.folder, { recursive: true }) // created before the tests' temporary folder
  }
  return { project, url: `http://localhost:${port}`, stop }
}

/** Returns a port that is free now. */
async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
