// What the browser tests share: the project on a fresh database, served as `npm run dev` serves it.

import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { TestProject } from 'vitest/node'

import { createProject } from '../cli/project.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the Worker serves; empty without a browser. */
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
      'The browser tests are skipped: no Chromium. "apt-get install chromium" brings it.',
    )
    return undefined
  }
  const project = createProject()
  // Tests log in more often than a person.
  const settings = readFileSync('wrangler.toml', 'utf8').replace('limit = 30,', 'limit = 100000,')
  project.write('wrangler.toml', settings)
  const port = await freePort()
  const dev = project.start('dev', ['--port', String(port)])
  let output = ''
  for (const stream of [dev.stdout, dev.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  while (!output.includes('Bearer $TOKEN')) {
    if (dev.exitCode !== null) throw new Error(output)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const { code, stderr } = await project.run('users', ['add', ADA.username], ADA.password)
  if (code !== 0) throw new Error(stderr)
  vitest.provide('origin', `http://localhost:${port}`)
  return async () => {
    dev.kill('SIGTERM')
    await once(dev, 'close')
    rmSync(project.folder, { recursive: true }) // made before the tests' folder for such is set up
  }
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
