// A browser for each test file, a fresh profile for each test, and what must hold after every one.

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

/** The page that a test opens first, the profile around it, and what went wrong in that. */
export type Visit = { page: Page; context: BrowserContext; problems: string[] }
type Options = Parameters<Browser['newContext']>[0]

const withBrowser = test.extend<{ browser: Browser; open: (options?: Options) => Promise<Visit> }>({
  browser: [
    // oxlint-disable-next-line no-empty-pattern -- vitest reads what a fixture needs off its pattern
    async ({}, use) => {
      const browser = await chromium.launch({ executablePath, args: ARGS })
      await use(browser)
      await browser.close()
    },
    { scope: 'file' },
  ],
  open: async ({ browser }, use) => {
    const visits: Visit[] = []
    await use(async (options) => {
      const context = await browser.newContext(options)
      context.setDefaultTimeout(20_000)
      const problems = await watch(context)
      const visit = { context, problems, page: await openPage(context) }
      visits.push(visit)
      return visit
    })
    for (const { context, problems } of visits) {
      for (const page of context.pages()) await expectNothingKept(page)
      expect(problems).toEqual([])
      await context.close()
    }
  },
})

/** Skipped where there is no browser. After each test: no problem in the console, and no secret left lying about. */
// oxlint-disable-next-line vitest/no-disabled-tests, vitest/valid-title, vitest/expect-expect -- a test function, not a test
export const it = withBrowser.skipIf(!executablePath)

/** Opens the page, and waits until it knows whether there is a login. */
export async function openPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage()
  await page.goto(origin)
  await page.locator('#knock:enabled').waitFor()
  return page
}

/** Pages that were opened on another origin: what they are refused is no problem of ours. */
export const strangers = new WeakSet<Page>()

/**
 * Collects errors of the console, of scripts and of the policy. Chromium itself notes each answer of
 * 400 or above as an error of the console; those that the API means to give are none.
 */
async function watch(context: BrowserContext): Promise<string[]> {
  const problems: string[] = []
  const isOurs = (page: Page | null) => !page || !strangers.has(page)
  const answers = /^Failed to load resource: the server responded with a status of 4\d\d /
  context.on('console', (message) => {
    const ofApi = new URL(message.location().url || origin).origin === origin
    if (message.type() !== 'error' && message.type() !== 'warning') return
    if (!isOurs(message.page()) || (ofApi && answers.test(message.text()))) return
    problems.push(message.text())
  })
  context.on('weberror', (error) => isOurs(error.page()) && problems.push(String(error.error())))
  await context.exposeBinding(
    'noteViolation',
    ({ page }, text: string) => isOurs(page) && problems.push(text),
  )
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      const { noteViolation } = globalThis as unknown as { noteViolation(text: string): void }
      noteViolation(`${violatedDirective} refused ${blockedURI}`)
    })
  })
  return problems
}

/** A page that has been open leaves nothing behind but a cookie that it cannot read. */
async function expectNothingKept(page: Page): Promise<void> {
  if (!page.url().startsWith(origin)) return
  expect(page.url()).toBe(`${origin}/`)
  const kept = await page.evaluate(async () => ({
    local: { ...localStorage },
    session: { ...sessionStorage },
    cookie: document.cookie,
    history: history.state as unknown,
    databases: await indexedDB.databases(),
    caches: await caches.keys(),
  }))
  const nothing = { local: {}, session: {}, cookie: '', history: null, databases: [], caches: [] }
  expect(kept).toEqual(nothing)
}

export const COSMO = { username: 'cosmo', password: 'space-corgi' }

export async function fillLogin(page: Page, { username, password } = COSMO): Promise<void> {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

export async function logIn(page: Page, credentials = COSMO): Promise<void> {
  await fillLogin(page, credentials)
  await page.getByText(`You are logged in as ${credentials.username}.`).waitFor()
  await page.locator('#sessions li').first().waitFor()
}

/** Clicks the button of the first or the third step, and waits until it is done; what the page then says. */
export async function send(page: Page, which: 'without a token' | 'with the token') {
  await clickAndWait(page, `Send ${which}`)
  return page.locator(which === 'without a token' ? '#knock-result' : '#enter-result').innerText()
}

/** Clicks a button, and waits until what it does is done. */
export async function clickAndWait(page: Page, name: string | RegExp): Promise<void> {
  const button = page.getByRole('button', { name })
  await button.click()
  await expect.poll(() => page.locator('[aria-disabled=true]').count()).toBe(0)
}

/** The lines of the list of requests, newest first: `GET /protected 200 OK`. */
export async function readWire(page: Page): Promise<string[]> {
  const lines = await page.locator('#wire > li > details > summary').allInnerTexts()
  return lines.map((line) => line.replaceAll(/\s+/g, ' ').replace(/ \d+ ms$/, ''))
}
