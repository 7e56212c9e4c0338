// The page works with a keyboard, a screen reader, a phone, and in both colour schemes.

import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'

import { callGuarded, clickAndWait, fillLogin, findViolations, it, logInOnPage } from './browser.ts'

/** CI keeps these screenshots for review. */
const SCREENSHOTS = 'dist/screenshots'
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const DESKTOP = { viewport: { width: 1280, height: 900 } }
const VIEWS = [
  ['light', { ...DESKTOP, colorScheme: 'light' }],
  ['dark', { ...DESKTOP, colorScheme: 'dark' }],
  ['phone', { ...PHONE, colorScheme: 'light' }],
] as const

/** Returns the page's Cumulative Layout Shift. */
const readLayoutShift = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean }
        new PerformanceObserver((list) => {
          const shifts = (list.getEntries() as Shift[]).filter((shift) => !shift.hadRecentInput)
          resolve(shifts.reduce((sum, { value }) => sum + value, 0))
        }).observe({ type: 'layout-shift', buffered: true })
        setTimeout(() => resolve(0), 300) // without a shift there is no entry
      }),
  )

describe.for(VIEWS)('in the %s view', ([name, options]) => {
  it('axe-core finds no violation before login, after login, or with errors shown', async ({
    open,
  }) => {
    const { page } = await open({ ...options, bypassCSP: true })
    expect(await findViolations(page)).toEqual([])
    await fillLogin(page, { username: '', password: 'wrong' })
    await page.getByText('Fill this in.').waitFor()
    expect(await findViolations(page)).toEqual([])
    await logInOnPage(page)
    await callGuarded(page, 'without a token')
    await callGuarded(page, 'with the token')
    await clickAndWait(page, 'Change password')
    expect(await findViolations(page)).toEqual([])
    await page.getByRole('button', { name: 'Log out', exact: true }).click()
    await page.getByRole('alert').waitFor()
    expect(await findViolations(page)).toEqual([])
  })

  it('the layout does not shift or overflow the screen', async ({ open }) => {
    const { page } = await open(options)
    expect(await readLayoutShift(page)).toBe(0)
    await page.screenshot({ path: `${SCREENSHOTS}/${name}-1-start.png`, fullPage: true })
    await callGuarded(page, 'without a token')
    await logInOnPage(page)
    await callGuarded(page, 'with the token')
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(
      options.viewport.width,
    )
    await page.screenshot({ path: `${SCREENSHOTS}/${name}-2-logged-in.png` })
    await page.screenshot({ path: `${SCREENSHOTS}/${name}-3-full-page.png`, fullPage: true })
    await page.reload()
    await page.getByText('You are logged in as cosmo.').waitFor()
    expect(await readLayoutShift(page)).toBe(0)
  })
})

it('on a phone every control is at least 44 pixels high', async ({ open }) => {
  const { page } = await open(PHONE)
  await logInOnPage(page)
  await callGuarded(page, 'with the token')
  const heights = await page
    .locator('button:visible, input:visible, summary:visible, nav a')
    .evaluateAll((all) =>
      all.map((one) => [one.textContent, one.getBoundingClientRect().height] as const),
    )
  expect(heights.length).toBeGreaterThan(10)
  expect(heights.filter(([, height]) => height < 44)).toEqual([])
})

it('on a screen 320 pixels wide nothing is cut off (WCAG 1.4.10)', async ({ open }) => {
  const { page } = await open({ viewport: { width: 320, height: 640 } })
  await logInOnPage(page)
  await callGuarded(page, 'with the token')
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)
})

it('users who prefer reduced motion see no animated progress bar', async ({ open }) => {
  const transitions = await Promise.all(
    (['reduce', 'no-preference'] as const).map(async (reducedMotion) => {
      const { page } = await open({ reducedMotion })
      return page.evaluate(() =>
        getComputedStyle(document.querySelector('progress') ?? document.body).getPropertyValue(
          '--countdown',
        ),
      )
    }),
  )
  expect(transitions).toEqual(['none', 'inline-size 1s linear'])
})

describe('with the keyboard only', () => {
  /** Presses Tab until the element with this name has the focus. Expects a visible focus each time. */
  const tabTo = async (page: Page, name: string) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab')
      const focus = await page.evaluate(() => {
        const { activeElement: element } = document
        if (!(element instanceof HTMLElement)) return { name: '', outline: '' }
        const label = element instanceof HTMLInputElement ? element.labels?.[0]?.innerText : ''
        const own = element.getAttribute('aria-label') ?? element.innerText
        return { name: label || own, outline: getComputedStyle(element).outlineStyle }
      })
      expect(focus).toEqual({ ...focus, outline: 'solid' })
      if (focus.name.startsWith(name)) return
    }
    throw new Error(`Tab does not reach ${name}`)
  }

  it('a user can do all three steps and log out without losing the focus', async ({ open }) => {
    const { page } = await open()
    await tabTo(page, 'Send without a token')
    await page.keyboard.press('Enter')
    await page.locator('#call-without-token-result').getByText('401 Unauthorized').waitFor()
    await tabTo(page, 'Username')
    await page.keyboard.type('cosmo')
    await tabTo(page, 'Password')
    await page.keyboard.type('space-corgi')
    await page.keyboard.press('Enter')
    const focused = () => page.evaluate(() => document.activeElement?.id)
    await expect.poll(focused).toBe('call-with-token')
    await page.keyboard.press('Enter')
    await page.locator('#call-with-token-result').getByText('200 OK').waitFor()
    await tabTo(page, 'Refresh now')
    await page.keyboard.press('Space')
    await page.getByText('Refreshed: a new token').waitFor()
    expect(await focused()).toBe('refresh')
    await tabTo(page, 'End the session of')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('You are logged out.').waitFor()
    expect(await focused()).toBe('notice')
    await tabTo(page, 'Username')
  })

  it('a user can expand and collapse entries in the list of requests', async ({ open }) => {
    const { page } = await open()
    const shown = page.locator('#exchanges pre').first()
    await tabTo(page, 'In the background')
    await page.keyboard.press('Enter')
    await tabTo(page, 'POST /signup')
    expect(await shown.isVisible()).toBe(false)
    await page.keyboard.press('Enter')
    expect(await shown.isVisible()).toBe(true)
    await page.keyboard.press('Enter')
    expect(await shown.isVisible()).toBe(false)
  })
})
