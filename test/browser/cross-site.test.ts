// A page of another origin in the same browser cannot refresh, log out or read any response.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect } from 'vitest'

import { it, logInOnPage, origin, callGuarded, foreignPages } from './browser.ts'

const server = createServer((_request, response) =>
  response.setHeader('Content-Type', 'text/html').end('<title>Hostile page</title>'),
)
let port = 0
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.close()
})

type ObservedRequest = { path: string; status: number; cookies: number }

/** Opens the hostile page and observes its requests to the Worker through the DevTools protocol. */
async function openHostilePage(context: BrowserContext, host: string) {
  const page = await context.newPage()
  foreignPages.add(page)
  await page.goto(`http://${host}:${port}`)
  const devtools = await context.newCDPSession(page)
  const requests = new Map<string, ObservedRequest>()
  const observe = (id: string, observed: Partial<ObservedRequest>) =>
    requests.set(id, { path: '', status: 0, cookies: 0, ...requests.get(id), ...observed })
  devtools.on('Network.requestWillBeSent', ({ requestId, request }) => {
    if (request.url.startsWith(origin))
      observe(requestId, { path: request.url.slice(origin.length) })
  })
  devtools.on('Network.requestWillBeSentExtraInfo', ({ requestId, associatedCookies }) => {
    const sent = associatedCookies.filter(({ blockedReasons }) => blockedReasons.length === 0)
    observe(requestId, { cookies: sent.length })
  })
  devtools.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => {
    observe(requestId, { status: statusCode })
  })
  await devtools.send('Network.enable')
  return { page, readRequests: () => [...requests.values()].filter(({ path }) => path) }
}

type Init = { method?: string; mode?: RequestMode }

/** Sends a request with the browser's cookies. Returns what the page can read of the response. */
const sendFrom = (page: Page, path: string, init: Init) =>
  page.evaluate(
    async ([url, options]) => {
      const response = await fetch(url, { credentials: 'include', ...options }).catch(String)
      return typeof response === 'string' ? response : `${response.type} ${await response.text()}`
    },
    [`${origin}${path}`, init] as const,
  )

/** Submits a form from the page: a navigation, which needs no CORS permission. */
async function sendForm(page: Page, path: string) {
  await page.evaluate((url) => {
    const form = document.createElement('form')
    Object.assign(form, { method: 'post', action: url })
    document.body.append(form)
    form.submit()
  }, `${origin}${path}`)
  await page.waitForURL(`${origin}${path}`)
  await page.goBack()
}

// Another port is another origin of the same site, so SameSite=Strict cookies are sent. Another name is another site.
describe.for([
  ['of the same site on another port', 'localhost', { status: 403, cookies: 1 }],
  ['of another site', '127.0.0.1', { status: 401, cookies: 0 }],
] as const)('a page %s', ([, host, rejected]) => {
  it('cannot refresh or log out, so the user stays logged in', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    const before = await context.cookies(origin)
    const hostile = await openHostilePage(context, host)
    for (const path of ['/refresh', '/logout?scope=all']) {
      await sendFrom(hostile.page, path, { method: 'POST', mode: 'no-cors' })
      await sendFrom(hostile.page, path, { method: 'POST' })
      await sendForm(hostile.page, path)
    }
    expect(hostile.readRequests()).toEqual(
      ['/refresh', '/logout?scope=all'].flatMap((path) =>
        Array.from({ length: 3 }, () => ({ path, ...rejected })),
      ),
    )
    expect(await context.cookies(origin)).toEqual(before)

    await hostile.page.close()
    expect(await callGuarded(page, 'with the token')).toContain('200 OK')
    await page.reload()
    await page.getByText('You are logged in as cosmo.').waitFor()
  })

  it('cannot read any response or embed the page in a frame', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    const hostile = await openHostilePage(context, host)
    const paths = ['/', '/me', '/sessions', '/protected', '/health', '/session.js', '/docs']
    const read = await Promise.all(paths.map((path) => sendFrom(hostile.page, path, {})))
    expect(new Set(read)).toEqual(new Set(['TypeError: Failed to fetch']))
    for (const path of ['/refresh', '/logout', '/sessions'])
      expect(await sendFrom(hostile.page, path, { method: 'POST', mode: 'no-cors' })).not.toMatch(
        /\{/,
      )
    await hostile.page.evaluate(async (url) => {
      const frame = Object.assign(document.createElement('iframe'), { src: url })
      document.body.append(frame)
      await new Promise((resolve) => frame.addEventListener('load', resolve))
    }, origin)
    await expect
      .poll(() => hostile.page.frames().map((frame) => frame.url()))
      .toEqual([`http://${host}:${port}/`, 'chrome-error://chromewebdata/'])
  })
})
