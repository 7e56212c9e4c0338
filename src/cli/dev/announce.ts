// What npm run dev prints when the Worker responds.

import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

import { print } from '../terminal/output.ts'

const INTERVAL_MS = 200

/** Waits until the Worker responds, then prints example requests. */
export async function announce(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (await responds(url)) return print(toCurl(url))
    await sleep(INTERVAL_MS)
  }
}

/** The certificate of wrangler is its own, so none is checked. */
const responds = (url: string) =>
  new Promise<boolean>((resolve) => {
    const isHttps = url.startsWith('https:')
    const request = isHttps ? requestHttps(url, { rejectUnauthorized: false }) : requestHttp(url)
    request.once('error', () => resolve(false)) // not listening yet
    request.once('response', (response) => {
      response.resume()
      resolve(true)
    })
    request.end()
  })

function toCurl(url: string): string {
  const curl = url.startsWith('https:') ? 'curl -k' : 'curl'
  return `
Try it, in another terminal:

  ${curl} -i ${url}/protected
  TOKEN=$(${curl} -s ${url}/login --json '{"username":"cosmo","password":"space-corgi"}' | cut -d'"' -f4)
  ${curl} ${url}/protected -H "Authorization: Bearer $TOKEN"
`
}
