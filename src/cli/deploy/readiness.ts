// Whether a deployed Worker can serve: its /ready, asked until it says so.

import { setTimeout as sleep } from 'node:timers/promises'

import { Failure, messageOf } from '../terminal/failure.ts'

/** The address among wrangler's targets: of workers.dev, of a domain, or of a route that takes all paths. */
export function toUrl(targets: string[]): string | undefined {
  const [host] = targets.flatMap((target) => {
    const [, name] = /^(?:https:\/\/)?([\w-]+(?:\.[\w-]+)+)(?=\/\*| |$)/.exec(target) ?? []
    return name ?? []
  })
  return host && `https://${host}`
}

/** Asks until the answer is 200: a new address takes a while to be known everywhere. */
export async function waitUntilReady(url: string, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const problem = await askReady(new URL('/ready', url))
    if (!problem) return
    if (Date.now() >= end)
      throw new Failure(`After ${seconds} seconds ${url}/ready says: ${problem}
The new version is deployed. 'npx wrangler tail' shows why it is not ready; 'npx wrangler rollback' brings the version before it back.`)
    await sleep(1000)
  }
}

/** What is wrong; undefined when the Worker is ready. */
async function askReady(ready: URL): Promise<string | undefined> {
  try {
    const response = await fetch(ready, { redirect: 'manual', signal: AbortSignal.timeout(10_000) })
    const body = await response.text()
    return response.ok ? undefined : `${response.status} ${body.slice(0, 200)}`
  } catch (error) {
    const { cause } = error as Error
    return `no answer (${messageOf(cause ?? error)})`
  }
}
