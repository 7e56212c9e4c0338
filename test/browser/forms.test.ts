// The page's forms: hints, errors and lockouts that are true, and nothing that is sent in the clear.

import { describe, expect } from 'vitest'

import {
  clickAndWait,
  COSMO,
  DEPLOYED,
  fillLogin,
  foreignPages,
  it,
  logInOnPage,
  openDeployed,
  origin,
} from './browser.ts'

describe('a new password', () => {
  it('has its rule below the field before anyone types, which becomes the error', async ({
    open,
  }) => {
    const { page } = await open()
    await logInOnPage(page)
    const rule = page.locator('#new_password-error')
    const readColor = () => rule.evaluate((shown) => getComputedStyle(shown).color)
    const before = await readColor()
    expect(await rule.innerText()).toBe('At least 15 characters.')
    await page.locator('#change').getByLabel('Current password').fill('space-corgi')
    await page.locator('#change').getByLabel('New password').fill('short')
    await page.keyboard.press('Enter')
    await expect.poll(readColor).not.toBe(before)
    expect(await rule.innerText()).toBe('At least 15 characters.')
    const focused = page.locator('#new_password')
    expect(await focused.evaluate((input) => input === document.activeElement)).toBe(true)
    const [input, error] = [await focused.boundingBox(), await rule.boundingBox()]
    const ring = await focused.evaluate((shown) => {
      const { outlineOffset, outlineWidth } = getComputedStyle(shown)
      return Number.parseFloat(outlineOffset) + Number.parseFloat(outlineWidth)
    })
    expect(ring).toBe(5)
    expect((error?.y ?? 0) - (input?.y ?? 0) - (input?.height ?? 0)).toBeGreaterThan(ring)
  })

  it('is masked where it was typed, but the response is shown as it was', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    // The API sends a list of messages; this one is like an API that sends one.
    await context.route(/\/me\/password$/, (route) =>
      route.fulfill({ status: 400, json: { error: { new_password: 'Is too common.' } } }),
    )
    await page.locator('#change').getByLabel('Current password').fill('space-corgi')
    await page.locator('#change').getByLabel('New password').fill('correct horse battery')
    await clickAndWait(page, 'Change password')
    const shown = await page.locator('#exchanges details[open]').innerText()
    expect(shown).toContain('"new_password": "••••••••",\n  "cookie": true')
    expect(shown).toContain('"error": {\n    "new_password": "Is too common."')
    expect(await page.locator('#exchanges').textContent()).not.toContain('horse')
    await context.unroute(/\/me\/password$/)
    await page.locator('#change').getByLabel('New password').fill('')
    await clickAndWait(page, 'Change password')
    const empty = await page.locator('#exchanges details[open]').innerText()
    expect(empty).toContain('"new_password": ""')
    expect(empty).toContain('Shorter than minimum length')
  })
})

it('the remark about the cookie is shown only where there was one', async ({ open }) => {
  const { page } = await open()
  const opened = page.locator('#exchanges details[open]')
  await fillLogin(page, { ...COSMO, password: 'a wrong one' })
  await opened.getByText('401 Unauthorized').first().waitFor()
  expect(await opened.innerText()).not.toContain('cookie hidden')
  await logInOnPage(page)
  expect(await opened.innerText()).toContain('as a cookie hidden from scripts')
  await clickAndWait(page, 'Log out elsewhere')
  expect(await opened.innerText()).not.toContain('deleted the cookie')
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await opened.getByText('It also deleted the cookie').waitFor()
})

it('a lockout holds for the name that was tried, and another name can log in meanwhile', async ({
  open,
}) => {
  const { page } = await open()
  const locked = { username: 'locked-out', password: 'a guess' }
  for (let attempts = 0; attempts < 10; attempts += 1)
    await fetch(`${origin}/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(locked),
    })
  await fillLogin(page, locked)
  const result = page.locator('#login [role=status]')
  await result.getByText('Too many attempts for locked-out from here.').waitFor()
  const button = page.getByRole('button', { name: 'Log in' })
  expect(await button.getAttribute('aria-disabled')).toBe('true')
  await page.getByLabel('Username').fill('cosmo')
  expect(await button.getAttribute('aria-disabled')).toBe(null)
  expect(await result.innerText()).toBe('')
  await page.getByLabel('Username').fill('LOCKED-out')
  expect(await button.getAttribute('aria-disabled')).toBe('true')
  await logInOnPage(page)
})

describe('the demo user', () => {
  it('is logged in with one click on this machine, also after an empty form', async ({ open }) => {
    const { page } = await open()
    await page.getByRole('button', { name: 'Log in', exact: true }).click()
    await page.getByText('Fill this in.').first().waitFor()
    await page.getByRole('button', { name: 'Use cosmo, the demo user' }).click()
    await page.getByText('You are logged in as cosmo.').waitFor()
  })

  it('is not mentioned on a deployed page', async ({ open }) => {
    const { context } = await open()
    const page = await openDeployed(context)
    await page.locator('#call-without-token:enabled').waitFor()
    expect(await page.locator('main').innerText()).not.toMatch(/cosmo|corgi/)
  })
})

it('the button that shows a password is inside its field', async ({ open }) => {
  const { page } = await open()
  const field = await page.getByLabel('Password', { exact: true }).boundingBox()
  const button = await page.getByRole('button', { name: 'Show password' }).first().boundingBox()
  if (!field || !button) throw new Error('not shown')
  expect(button.x).toBeGreaterThan(field.x)
  expect(button.x + button.width).toBeLessThanOrEqual(field.x + field.width)
  expect(button.height).toBeLessThanOrEqual(field.height)
})

it.for(['/', '/docs'])(
  '%s over plain HTTP leads to HTTPS before a password can be typed, and keeps a code in the link (ASVS 4.1.2)',
  async (path, { open }) => {
    const { context } = await open()
    const sent: string[] = []
    const fulfilled = context.route('http://latchkey.test/**', async (route) => {
      sent.push(route.request().method())
      const { pathname } = new URL(route.request().url())
      await route.fulfill({ response: await route.fetch({ url: `${origin}${pathname}` }) })
    })
    await fulfilled
    const page = await openDeployed(context, `http://latchkey.test${path}#code=abc`)
    foreignPages.add(page)
    await page.waitForURL(/^https:/)
    expect(new Set(sent)).toEqual(new Set(['GET']))
    expect(page.url().startsWith(DEPLOYED)).toBe(true)
    if (path === '/') await page.getByRole('heading', { name: 'Choose a password' }).waitFor()
    await page.close()
  },
)
