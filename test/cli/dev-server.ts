// `npm run dev` of a project, as a server for tests.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { createProject } from './project.ts'

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Starts `npm run dev` and waits for the lines that it tells people to try. */
export async function startDev(
  project: ReturnType<typeof createProject>,
  port: number,
  env: Record<string, string> = {},
) {
  const child = project.start('dev', ['--port', String(port)], env)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))

  /** Waits until `text` has been printed `times` in all. */
  async function waitFor(text: string, times = 1): Promise<void> {
    while (output.split(text).length <= times) {
      if (child.exitCode !== null) throw new Error(output)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  await waitFor('Bearer $TOKEN')
  return {
    output: () => output,
    waitFor,
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'close')
    },
  }
}
