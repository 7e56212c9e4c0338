// A page of another origin in the same browser: it can neither refresh, nor log out, nor read anything.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect } from 'vitest'

import { it, logIn, origin, send, strangers } from './browser.ts'

const server = createServer((_request, response) =>
  response.setHeader('Content-Type', 'text/html').end('<title>Kittens</title>'),
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

type Drawn = { path: string; status: number; cookies: number }

/** Opens the hostile page, and notes what it draws from the Worker: below what a page is shown of it. */
async function openKittens(context: BrowserContext, host: string) {
  const page = await context.newPage()
  strangers.add(page)
  await page.goto(`http://${host}:${port}`)
  const debuggerOf = await context.newCDPSession(page)
  const drawn = new Map<string, Drawn>()
  const note = (id: string, seen: Partial<Drawn>) =>
    drawn.set(id, { path: '', status: 0, cookies: 0, ...drawn.get(id), ...seen })
  debuggerOf.on('Network.requestWillBeSent', ({ requestId, request }) => {
    if (request.url.startsWith(origin)) note(requestId, { path: request.url.slice(origin.length) })
  })
  debuggerOf.on('Network.requestWillBeSentExtraInfo', ({ requestId, associatedCookies }) => {
    const sent = associatedCookies.filter(({ blockedReasons }) => blockedReasons.length === 0)
    note(requestId, { cookies: sent.length })
  })
  debuggerOf.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode }) => {
    note(requestId, { status: statusCode })
  })
  await debuggerOf.send('Network.enable')
  return { page, drawn: () => [...drawn.values()].filter(({ path }) => path) }
}

type Init = { method?: string; mode?: RequestMode }

/** Sends a request with whatever cookies the browser adds; what the page can read of the answer. */
const reach = (page: Page, path: string, init: Init) =>
  page.evaluate(
    async ([url, options]) => {
      const answer = await fetch(url, { credentials: 'include', ...options }).catch(String)
      return typeof answer === 'string' ? answer : `${answer.type} ${await answer.text()}`
    },
    [`${origin}${path}`, init] as const,
  )

/** Lets the page send a form, which needs no permission and takes SameSite=Lax cookies along. */
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

// Another port is another origin of the same site, which SameSite=Strict lets through; another name is another site.
describe.for([
  ['of the same site, on another port', 'localhost', { status: 403, cookies: 1 }],
  ['of another site', '127.0.0.1', { status: 401, cookies: 0 }],
] as const)('a page %s', ([, host, refused]) => {
  it('cannot refresh or log out, and the login goes on', async ({ open }) => {
    const { page, context } = await open()
    await logIn(page)
    const before = await context.cookies(origin)
    const kittens = await openKittens(context, host)
    for (const path of ['/refresh', '/logout?scope=all']) {
      await reach(kittens.page, path, { method: 'POST', mode: 'no-cors' })
      await reach(kittens.page, path, { method: 'POST' })
      await sendForm(kittens.page, path)
    }
    expect(kittens.drawn()).toEqual(
      ['/refresh', '/logout?scope=all'].flatMap((path) =>
        Array.from({ length: 3 }, () => ({ path, ...refused })),
      ),
    )
    expect(await context.cookies(origin)).toEqual(before)

    await kittens.page.close()
    expect(await send(page, 'with the token')).toContain('200 OK')
    await page.reload()
    await page.getByText('You are logged in as cosmo.').waitFor()
  })

  it('can read nothing, and cannot put the page into a frame', async ({ open }) => {
    const { page, context } = await open()
    await logIn(page)
    const kittens = await openKittens(context, host)
    const paths = ['/', '/me', '/sessions', '/protected', '/health', '/session.js', '/docs']
    const read = await Promise.all(paths.map((path) => reach(kittens.page, path, {})))
    expect(new Set(read)).toEqual(new Set(['TypeError: Failed to fetch']))
    for (const path of ['/refresh', '/logout', '/sessions'])
      expect(await reach(kittens.page, path, { method: 'POST', mode: 'no-cors' })).not.toMatch(/\{/)
    await kittens.page.evaluate(async (url) => {
      const frame = Object.assign(document.createElement('iframe'), { src: url })
      document.body.append(frame)
      await new Promise((resolve) => frame.addEventListener('load', resolve))
    }, origin)
    await expect
      .poll(() => kittens.page.frames().map((frame) => frame.url()))
      .toEqual([`http://${host}:${port}/`, 'chrome-error://chromewebdata/'])
  })
})
