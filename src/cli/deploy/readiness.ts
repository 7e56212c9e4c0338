// Waits until the /ready of a deployed Worker reports that it can serve.

import { setTimeout as sleep } from 'node:timers/promises'

import { CommandError, messageOf } from '../terminal/command-error.ts'

/** Returns the Worker's URL among wrangler's targets: workers.dev, a domain, or a route for all paths. */
export function toUrl(targets: string[]): string | undefined {
  const [host] = targets.flatMap((target) => {
    const [, name] = /^(?:https:\/\/)?([\w-]+(?:\.[\w-]+)+)(?=\/\*| |$)/.exec(target) ?? []
    return name ?? []
  })
  return host && `https://${host}`
}

/** Polls /ready until the status is 200, because a new address takes a while to reach every location. */
export async function waitUntilReady(url: string, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const problem = await requestReady(new URL('/ready', url))
    if (!problem) return
    if (Date.now() >= end)
      throw new CommandError(`After ${seconds} seconds ${url}/ready responds: ${problem}
The new version is deployed. 'npx wrangler tail' shows why it is not ready; 'npx wrangler rollback' restores the previous version.`)
    await sleep(1000)
  }
}

/** Returns what is wrong; undefined when the Worker is ready. */
async function requestReady(ready: URL): Promise<string | undefined> {
  try {
    const response = await fetch(ready, { redirect: 'manual', signal: AbortSignal.timeout(10_000) })
    const body = await response.text()
    return response.ok ? undefined : `${response.status} ${body.slice(0, 200)}`
  } catch (error) {
    const { cause } = error as Error
    return `no response (${messageOf(cause ?? error)})`
  }
}
