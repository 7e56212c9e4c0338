// What npm run dev prints when the Worker responds.

import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

import { print } from '../terminal/output.ts'

const INTERVAL_MS = 200

/** Waits until the Worker responds, then prints what to try. */
export async function announce(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const type = await requestType(url)
    await sleep(INTERVAL_MS) // also for wrangler, which still reports this request
    if (type !== undefined)
      return print(type.startsWith('text/html') ? toPage(url) + toCurl(url) : toCurl(url))
  }
}

/** Returns the content type of the response; undefined when nothing listens. The certificate of wrangler is its own, so none is checked. */
const requestType = (url: string) =>
  new Promise<string | undefined>((resolve) => {
    const isHttps = url.startsWith('https:')
    const request = isHttps ? requestHttps(url, { rejectUnauthorized: false }) : requestHttp(url)
    request.once('error', () => resolve(undefined)) // not listening yet
    request.once('response', (response) => {
      response.resume()
      resolve(response.headers['content-type'] ?? '')
    })
    request.end()
  })

/** Only for a Worker with the assets in wrangler.toml. */
const toPage = (url: string) => `
Open the page, which shows each step: ${url}
The API, to try in the browser:       ${url}/docs/
`

function toCurl(url: string): string {
  const curl = url.startsWith('https:') ? 'curl -k' : 'curl'
  return `
In another terminal:

  ${curl} -i ${url}/protected
  TOKEN=$(${curl} -s ${url}/login --json '{"username":"cosmo","password":"space-corgi"}' | cut -d'"' -f4)
  ${curl} ${url}/protected -H "Authorization: Bearer $TOKEN"
`
}
