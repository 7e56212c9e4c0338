// How the page looks and whom it serves: keyboards, screen readers, phones, both colour schemes.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'

import { clickAndWait, fillLogin, it, logIn, send } from './browser.ts'

/** Kept by CI: have a look at them. */
const SHOTS = 'dist/screenshots'
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const DESK = { viewport: { width: 1280, height: 900 } }
const VIEWS = [
  ['light', { ...DESK, colorScheme: 'light' }],
  ['dark', { ...DESK, colorScheme: 'dark' }],
  ['phone', { ...PHONE, colorScheme: 'light' }],
] as const

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds, of any weight. It is brought in around the policy, by the debugger's way. */
async function findBarriers(page: Page) {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    type Found = { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }
    const { axe: checker } = globalThis as unknown as { axe: { run(): Promise<Found> } }
    const { violations } = await checker.run()
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    )
  })
}

/** How far the page has moved under its reader by itself: Cumulative Layout Shift. */
const readShift = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean }
        new PerformanceObserver((list) => {
          const shifts = (list.getEntries() as Shift[]).filter((shift) => !shift.hadRecentInput)
          resolve(shifts.reduce((sum, { value }) => sum + value, 0))
        }).observe({ type: 'layout-shift', buffered: true })
        setTimeout(() => resolve(0), 300) // no shift, no entry
      }),
  )

describe.for(VIEWS)('in the view %s', ([name, options]) => {
  it('axe-core finds no barrier, before a login, after it, and beside errors', async ({ open }) => {
    const { page } = await open({ ...options, bypassCSP: true })
    expect(await findBarriers(page)).toEqual([])
    await fillLogin(page, { username: '', password: 'wrong' })
    await page.getByText('Fill this in.').waitFor()
    expect(await findBarriers(page)).toEqual([])
    await logIn(page)
    await send(page, 'without a token')
    await send(page, 'with the token')
    await clickAndWait(page, 'Change it')
    expect(await findBarriers(page)).toEqual([])
    await page.getByRole('button', { name: 'Log out here' }).click()
    await page.getByRole('alert').waitFor()
    expect(await findBarriers(page)).toEqual([])
  })

  it('nothing moves by itself, nothing is wider than the screen, and pictures are kept', async ({
    open,
  }) => {
    const { page } = await open(options)
    expect(await readShift(page)).toBe(0)
    await page.screenshot({ path: `${SHOTS}/${name}-1-arrived.png`, fullPage: true })
    await send(page, 'without a token')
    await logIn(page)
    await send(page, 'with the token')
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(
      options.viewport.width,
    )
    await page.screenshot({ path: `${SHOTS}/${name}-2-logged-in.png` })
    await page.screenshot({ path: `${SHOTS}/${name}-3-whole.png`, fullPage: true })
    await page.reload()
    await page.getByText('You are logged in as cosmo.').waitFor()
    expect(await readShift(page)).toBe(0)
  })
})

it('on a phone everything to press is at least 44 pixels high', async ({ open }) => {
  const { page } = await open(PHONE)
  await logIn(page)
  await send(page, 'with the token')
  const heights = await page
    .locator('button:visible, input:visible, summary:visible, nav a')
    .evaluateAll((all) =>
      all.map((one) => [one.textContent, one.getBoundingClientRect().height] as const),
    )
  expect(heights.length).toBeGreaterThan(10)
  expect(heights.filter(([, height]) => height < 44)).toEqual([])
})

it('on the narrowest of screens nothing is cut off (WCAG 1.4.10)', async ({ open }) => {
  const { page } = await open({ viewport: { width: 320, height: 640 } })
  await logIn(page)
  await send(page, 'with the token')
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)
})

it('who wants less motion sees no movement in the bar', async ({ open }) => {
  const transitions = await Promise.all(
    (['reduce', 'no-preference'] as const).map(async (reducedMotion) => {
      const { page } = await open({ reducedMotion })
      return page.evaluate(() =>
        getComputedStyle(document.querySelector('progress') ?? document.body).getPropertyValue(
          '--run-down',
        ),
      )
    }),
  )
  expect(transitions).toEqual(['none', 'inline-size 1s linear'])
})

describe('by keyboard alone', () => {
  /** Presses Tab until the element with this name has the focus, and sees that the focus shows. */
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
    throw new Error(`no Tab leads to ${name}`)
  }

  it('the whole story can be told, and the focus is never lost', async ({ open }) => {
    const { page } = await open()
    await tabTo(page, 'Send without a token')
    await page.keyboard.press('Enter')
    await page.locator('#knock-result').getByText('401 Unauthorized').waitFor()
    await tabTo(page, 'Username')
    await page.keyboard.type('cosmo')
    await tabTo(page, 'Password')
    await page.keyboard.type('space-corgi')
    await page.keyboard.press('Enter')
    const focused = () => page.evaluate(() => document.activeElement?.id)
    await expect.poll(focused).toBe('enter')
    await page.keyboard.press('Enter')
    await page.locator('#enter-result').getByText('200 OK').waitFor()
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

  it('the list of requests opens and closes', async ({ open }) => {
    const { page } = await open()
    await tabTo(page, 'POST /refresh')
    await page.keyboard.press('Enter')
    expect(await page.locator('#wire pre').first().isVisible()).toBe(false)
    await page.keyboard.press('Enter')
    expect(await page.locator('#wire pre').first().isVisible()).toBe(true)
  })
})
