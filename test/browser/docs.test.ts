// The page at /docs: Swagger UI, authorised with a name and a password.

import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'

import { COSMO, findViolations, it, origin } from './browser.ts'

async function openDocs(page: Page): Promise<void> {
  await page.goto(`${origin}/docs`)
  await page.locator('.opblock').first().waitFor()
}

async function logInOnDocs(page: Page): Promise<void> {
  await page.locator('#username').fill(COSMO.username)
  await page.locator('#password').fill(COSMO.password)
  await page.keyboard.press('Enter')
  await page.getByText('Logged in as cosmo: every request sends your token.').waitFor()
}

/** Sends a request with Swagger UI's own buttons. Returns the status that it shows. */
async function execute(page: Page, operation: string): Promise<string> {
  const block = page.locator(`[id$="${operation}"]`)
  if ((await block.locator('.execute').count()) === 0) {
    await block.locator('.opblock-summary-control').click()
    await block.getByRole('button', { name: 'Try it out' }).click()
  }
  // Removes the response of an earlier request, which is shown until the new one is rendered.
  const clear = block.getByRole('button', { name: 'Clear' })
  if ((await clear.count()) > 0) await clear.click()
  await block.getByRole('button', { name: 'Execute' }).click()
  return block.locator('.live-responses-table .response-col_status').last().innerText()
}

it('/docs shows every route of openapi.json and loads nothing from other servers', async ({
  open,
}) => {
  const { page } = await open()
  const externalUrls: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:'))
      externalUrls.push(request.url())
  })
  await openDocs(page)
  const openapi = await (await page.request.get(`${origin}/openapi.json`)).json()
  const operations = Object.values<object>(openapi.paths).flatMap((path) => Object.keys(path))
  expect(await page.locator('.opblock').count()).toBe(operations.length)
  await page.locator('.opblock-summary').first().click()
  await page.locator('.opblock-body').first().waitFor()
  await page.screenshot({ path: 'dist/screenshots/docs.png' })
  expect(externalUrls).toEqual([])
  await page.goto(`${origin}/`)
})

describe('/docs', () => {
  it('authorises every request after a login with a name and a password, until a logout', async ({
    open,
  }) => {
    const { page } = await open()
    await openDocs(page)
    expect(await execute(page, 'get_me')).toMatch(/^401/)
    await logInOnDocs(page)
    expect(await execute(page, 'get_me')).toMatch(/^200/)
    expect(await execute(page, 'get_sessions')).toMatch(/^200/)
    await page.reload()
    await page.getByText('Logged in as cosmo').waitFor()
    expect(await execute(page, 'get_me')).toMatch(/^200/)
    await page.getByRole('button', { name: 'Log out', exact: true }).click()
    await page.locator('#login').waitFor()
    expect(await execute(page, 'get_me')).toMatch(/^401/)
    await page.goto(`${origin}/`)
  })

  it('reports a wrong password, and gets a new token before the old one expires', async ({
    open,
  }) => {
    const { page, context } = await open()
    await context.clock.install()
    await openDocs(page)
    await page.locator('#username').fill('cosmo')
    await page.locator('#password').fill('a wrong one')
    await page.keyboard.press('Enter')
    await page.getByText('Bad username or password.').waitFor()
    await logInOnDocs(page)
    const refreshed = page.waitForResponse((response) => response.url() === `${origin}/refresh`)
    await context.clock.fastForward('13:31')
    expect((await refreshed).status()).toBe(200)
    await page.goto(`${origin}/`)
  })

  it('groups the routes, says that the cookie is the browser’s own, and leads back', async ({
    open,
  }) => {
    const { page } = await open()
    await openDocs(page)
    expect(await page.locator('.opblock-tag').allInnerTexts()).toEqual(
      ['Login', 'Account', 'Users', 'Service', 'Guarded endpoints'].map((name) =>
        expect.stringMatching(new RegExp(`^${name}\\s`)),
      ),
    )
    await page.getByRole('button', { name: 'Authorize' }).click()
    await page.getByText('There is nothing to enter here.').waitFor()
    await page.keyboard.press('Escape')
    await page.reload()
    await page.getByRole('link', { name: 'Demo page' }).click()
    await page.getByRole('heading', { name: 'A guarded endpoint' }).waitFor()
  })

  it.for([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
    ['dark', 390],
  ] as const)(
    'follows the %s scheme at %i pixels, and its bar has no violation',
    async ([colorScheme, width], { open }) => {
      const { page } = await open({
        colorScheme,
        viewport: { width, height: 844 },
        bypassCSP: true,
      })
      await openDocs(page)
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
      const channels = background.match(/\d+/g)?.map(Number) ?? []
      expect(Math.max(...channels) < 128).toBe(colorScheme === 'dark')
      const isDark = await page.evaluate(() => document.documentElement.matches('.dark-mode'))
      expect(isDark).toBe(colorScheme === 'dark')
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
      await logInOnDocs(page)
      await page.screenshot({ path: `dist/screenshots/docs-${colorScheme}-${width}.png` })
      expect(await findViolations(page, 'header')).toEqual([])
      await page.goto(`${origin}/`)
    },
  )
})
