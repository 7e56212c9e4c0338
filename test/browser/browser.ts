// Starts a browser per test file and a fresh profile per test, and checks each page after its test.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect, inject, test } from 'vitest'

export const origin = inject('origin')
const executablePath = inject('chromium')

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A profile with its first page, and the errors that the profile has collected. */
export type Profile = { page: Page; context: BrowserContext; problems: string[] }
type Options = Parameters<Browser['newContext']>[0]

const withBrowser = test.extend<{
  browser: Browser
  open: (options?: Options) => Promise<Profile>
}>({
  browser: [
    // oxlint-disable-next-line no-empty-pattern -- vitest reads a fixture's dependencies from its pattern
    async ({}, use) => {
      const browser = await chromium.launch({ executablePath, args: ARGS })
      await use(browser)
      await browser.close()
    },
    { scope: 'file' },
  ],
  open: async ({ browser }, use) => {
    const profiles: Profile[] = []
    await use(async (options) => {
      const context = await browser.newContext(options)
      context.setDefaultTimeout(20_000)
      const problems = await collectProblems(context)
      const profile = { context, problems, page: await openPage(context) }
      profiles.push(profile)
      return profile
    })
    for (const { context, problems } of profiles) {
      for (const page of context.pages()) await expectNothingStored(page)
      expect(problems).toEqual([])
      await context.close()
    }
  },
})

/** Skips without Chromium. After each test it expects a clean console and no stored secrets. */
// oxlint-disable-next-line vitest/no-disabled-tests, vitest/valid-title, vitest/expect-expect -- a test function, not a test
export const it = withBrowser.skipIf(!executablePath)

/** Opens the page and waits until it knows whether the user is logged in. */
export async function openPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage()
  await page.goto(origin)
  await page.locator('#call-without-token:enabled').waitFor()
  return page
}

/** Pages of other origins: errors in their consoles are expected. */
export const foreignPages = new WeakSet<Page>()

/**
 * Collects console errors, script errors and CSP violations. Chromium also logs every response with
 * a status of 400 or above; a 4xx of the API is expected and not collected.
 */
async function collectProblems(context: BrowserContext): Promise<string[]> {
  const problems: string[] = []
  const isOurs = (page: Page | null) => !page || !foreignPages.has(page)
  const clientErrors = /^Failed to load resource: the server responded with a status of 4\d\d /
  context.on('console', (message) => {
    const fromApi = new URL(message.location().url || origin).origin === origin
    if (message.type() !== 'error' && message.type() !== 'warning') return
    if (!isOurs(message.page()) || (fromApi && clientErrors.test(message.text()))) return
    problems.push(message.text())
  })
  context.on('weberror', (error) => isOurs(error.page()) && problems.push(String(error.error())))
  await context.exposeBinding(
    'reportViolation',
    ({ page }, text: string) => isOurs(page) && problems.push(text),
  )
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      const { reportViolation } = globalThis as unknown as { reportViolation(text: string): void }
      reportViolation(`${violatedDirective} blocked ${blockedURI}`)
    })
  })
  return problems
}

/** Expects that the page has stored nothing except a cookie that it cannot read. */
async function expectNothingStored(page: Page): Promise<void> {
  if (!page.url().startsWith(origin)) return
  expect(page.url()).toBe(`${origin}/`)
  const stored = await page.evaluate(async () => ({
    local: { ...localStorage },
    session: { ...sessionStorage },
    cookie: document.cookie,
    history: history.state === 'own' ? null : (history.state as unknown), // that the last step is shown
    databases: await indexedDB.databases(),
    caches: await caches.keys(),
  }))
  const nothing = { local: {}, session: {}, cookie: '', history: null, databases: [], caches: [] }
  expect(stored).toEqual(nothing)
}

/** Serves the Worker at this origin too, as a deployed one. */
export const DEPLOYED = 'https://latchkey.test'

/** Opens the page as on a deployed Worker, from this address. */
export async function openDeployed(context: BrowserContext, url = DEPLOYED): Promise<Page> {
  await context.route(`${DEPLOYED}/**`, async (route) => {
    const { pathname, search } = new URL(route.request().url())
    await route.fulfill({ response: await route.fetch({ url: `${origin}${pathname}${search}` }) })
  })
  const page = await context.newPage()
  foreignPages.add(page)
  await page.goto(url)
  return page
}

export const COSMO = { username: 'cosmo', password: 'space-corgi' }

export async function fillLogin(page: Page, { username, password } = COSMO): Promise<void> {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

export async function logInOnPage(page: Page, credentials = COSMO): Promise<void> {
  await fillLogin(page, credentials)
  await page.getByText(`You are logged in as ${credentials.username}.`).waitFor()
  await page.locator('#sessions li').first().waitFor()
}

/** Calls the guarded endpoint with the page's button. Returns the result that the page shows. */
export async function callGuarded(page: Page, which: 'without a token' | 'with the token') {
  await clickAndWait(page, `Send ${which}`)
  return page
    .locator(which === 'without a token' ? '#call-without-token-result' : '#call-with-token-result')
    .innerText()
}

/** Clicks a button and waits until no button is busy. */
export async function clickAndWait(page: Page, name: string | RegExp): Promise<void> {
  const button = page.getByRole('button', { name })
  await button.click()
  await expect.poll(() => page.locator('[aria-disabled=true]').count()).toBe(0)
}

/** Returns the list of requests that the user has asked for, newest first: `GET /protected 200 OK`. */
export const readExchanges = (page: Page) =>
  readSummaries(page, '#exchanges > li:not(.background) > details > summary')

/** Returns the requests that the page has sent by itself, newest first. */
export const readBackground = (page: Page) =>
  readSummaries(page, '#exchanges .background li > details > summary')

async function readSummaries(page: Page, selector: string): Promise<string[]> {
  const all = await page.locator(selector).all()
  const lines = await Promise.all(all.map(async (one) => (await one.textContent()) ?? ''))
  return lines.map((line) => line.replace(/(?=[1-5]\d\d |No response)/, ' ').replace(/\d+ ms$/, ''))
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Returns all violations that axe-core finds in a part. The CSP must be bypassed to inject it. */
export async function findViolations(page: Page, part = 'html') {
  await page.evaluate(axe)
  return page.evaluate(async (selector) => {
    type Found = { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }
    const { axe: checker } = globalThis as unknown as {
      axe: { run(where: string): Promise<Found> }
    }
    const { violations } = await checker.run(selector)
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    )
  }, part)
}
