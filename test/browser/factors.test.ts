// The second factor in the page, from the enrolment to the removal, and its recovery codes.

import { readFileSync } from 'node:fs'

import { afterAll, beforeAll, describe, expect, inject } from 'vitest'

import {
  callGuarded,
  clickAndWait,
  findViolations,
  foreignPages,
  it,
  logInOnPage,
  origin,
} from './browser.ts'
import {
  computeCode,
  createUser,
  enrol,
  logOut,
  PHONE,
  readFocus,
  sendPassword,
} from './second-factor.ts'
import { serve } from './setup.ts'

describe('a second factor', () => {
  it.for([
    ['light', {}],
    ['dark', { colorScheme: 'dark' as const }],
    ['phone', PHONE],
  ] as const)(
    'is enrolled, asked for at login and removed, in the %s view',
    async ([name, options], { open }) => {
      const user = await createUser(`factor-${name}`)
      const { page } = await open({ ...options, bypassCSP: true })
      await logInOnPage(page, user)
      expect(await page.locator('#factors').innerText()).toContain('You have none yet.')
      await page.getByRole('button', { name: 'Add an authenticator app' }).click()
      const qr = page.locator('#enrol-qr')
      await expect.poll(() => qr.evaluate((canvas) => canvas.clientHeight)).toBeGreaterThan(100)
      await expect.poll(() => qr.getAttribute('width')).not.toBe('0')
      await qr.evaluate(() => new Promise(requestAnimationFrame))
      expect(await qr.evaluate(countDark)).toBeGreaterThan(300)
      await page.locator('#factors').screenshot({ path: `dist/screenshots/enrol-${name}.png` })
      await page.getByLabel('Code of the app').fill('000000')
      await page.keyboard.press('Enter')
      await page.locator('#enrol-otp[aria-invalid=true]').waitFor()
      expect(await findViolations(page)).toEqual([])
      const { key, codes } = await enrol(page)
      expect(codes).toHaveLength(10)
      await page.getByText('Recovery codes left: 10 of 10.').waitFor()
      await page.locator('#factors').screenshot({ path: `dist/screenshots/codes-${name}.png` })
      expect(await findViolations(page)).toEqual([])
      const exchanges = await page.locator('#exchanges').textContent()
      for (const secret of [key, ...codes]) expect(exchanges).not.toContain(secret)
      await page.getByRole('button', { name: 'I have saved them' }).click()
      expect(await page.content()).not.toContain(codes[0])
      await logOut(page)

      await sendPassword(page, user.username)
      await page.locator('#login').getByText('One-time code required.').waitFor()
      const field = page.getByLabel('One-time code')
      expect(await field.evaluate((input) => input === document.activeElement)).toBe(true)
      expect(await field.getAttribute('autocomplete')).toBe('one-time-code')
      expect(await field.getAttribute('inputmode')).toBe('numeric')
      await page.screenshot({ path: `dist/screenshots/code-${name}.png` })
      expect(await findViolations(page)).toEqual([])
      await page.keyboard.type('000000')
      await page.keyboard.press('Enter')
      await page.locator('#login').getByText('Bad one-time code.').waitFor()
      await field.fill(computeCode(key))
      await page.keyboard.press('Enter')
      await page.getByText(`You are logged in as ${user.username}.`).waitFor()
      await page.getByRole('button', { name: /^Remove Authenticator app/ }).click()
      await page.getByText('You have none yet.').waitFor()
      await logOut(page)
      await logInOnPage(page, user)
    },
  )

  it('that is lost is replaced by recovery codes, and the page warns when two are left', async ({
    open,
  }) => {
    const user = await createUser('factor-lost')
    const { page } = await open()
    await logInOnPage(page, user)
    const { codes } = await enrol(page)
    for (const [used, code] of codes.slice(0, 8).entries()) {
      await logOut(page)
      await sendPassword(page, user.username)
      await page.getByRole('button', { name: 'Use a recovery code' }).click()
      expect(await page.getByLabel('One-time code').getAttribute('inputmode')).toBe('text')
      await page.keyboard.type(code.toUpperCase())
      await page.keyboard.press('Enter')
      await page.getByText(`You are logged in as ${user.username}.`).waitFor()
      await page.getByText(`Recovery codes left: ${9 - used} of 10.`).waitFor()
    }
    const warning = page.getByRole('alert').getByText('Recovery codes left: 2. Create new ones')
    await warning.waitFor()
    await clickAndWait(page, 'Create new recovery codes')
    await page.getByText('Recovery codes left: 10 of 10.').waitFor()
    expect(await page.locator('#codes-list').innerText()).not.toContain(codes[9])
    expect(await page.locator('#codes').innerText()).toContain('Earlier ones no longer work.')
    expect(await warning.isVisible()).toBe(false)
  })

  it('that is removed takes the warning of few recovery codes with it', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page, await createUser('factor-few'))
    await enrol(page)
    await context.route('**/me/recovery-codes', (route) =>
      route.fulfill({ json: { remaining: 1, total: 10 } }),
    )
    await page.reload()
    const warning = page.getByRole('alert').getByText('Recovery codes left: 1. Create new ones')
    await warning.waitFor()
    await page.locator('#codes-left.warn').getByText('Recovery codes left: 1 of 10.').waitFor()
    await page.getByRole('button', { name: /^Remove Authenticator app/ }).click()
    await page.getByText('You have none yet.').waitFor()
    expect(await warning.isVisible()).toBe(false)
    expect(await page.locator('#codes-left').innerText()).toBe('')
  })
})

describe('a second factor that MFA requires of everyone', () => {
  let server: Awaited<ReturnType<typeof serve>> | undefined
  beforeAll(async () => {
    if (inject('chromium'))
      server = await serve((settings) => settings.replace('MFA = "optional"', 'MFA = "all"'))
  }, 120_000)
  afterAll(() => server?.stop())

  it('is asked for by name, and its enrolment replaces the errors', async ({ open }) => {
    const { page } = await open()
    foreignPages.add(page) // its expected 4xx come from another origin
    await page.goto(server?.url ?? '')
    await page.getByRole('button', { name: 'Use cosmo, the demo user' }).click()
    const advice = 'Add an authenticator app under “Second factor” first.'
    for (const part of ['#sessions-result', '#activity-result'])
      await page.locator(part).getByText(advice).waitFor()
    expect(await callGuarded(page, 'with the token')).toContain(advice)
    await enrol(page)
    await page.locator('#activity-list').getByText('Second factor added').waitFor()
    await page.locator('#sessions li').first().waitFor()
    expect(await page.locator('#sessions-result, #activity-result').allInnerTexts()).toEqual([
      '',
      '',
    ])
    expect(await callGuarded(page, 'with the token')).toContain('200 OK')
    await page.goto('about:blank')
  })
})

describe('recovery codes', () => {
  it('are downloaded with the name of their user, and not as a URL that the history would keep', async ({
    open,
  }) => {
    const { page } = await open()
    await logInOnPage(page, await createUser('codes-saved'))
    const { codes } = await enrol(page)
    const link = page.getByRole('link', { name: 'Download' })
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()])
    expect(download.suggestedFilename()).toBe('recovery-codes.txt')
    expect(download.url()).toMatch(/^blob:/)
    const [title, ...others] = readFileSync(await download.path(), 'utf8').split('\n')
    expect(title).toMatch(`Recovery codes of codes-saved for ${origin}, `)
    expect(others).toEqual(['', ...codes, ''])
    await page.getByRole('button', { name: 'I have saved them' }).press('Enter')
    expect(await page.locator('#codes-download').getAttribute('href')).toBe(null)
    expect(await readFocus(page)).toBe('factors-title')
  })

  it('cannot be replaced before the user has saved them', async ({ open }) => {
    const { page } = await open()
    await logInOnPage(page, await createUser('codes-unsaved'))
    await enrol(page)
    await page.getByText('Recovery codes left: 10 of 10.').waitFor()
    const replace = page.getByRole('button', { name: 'Create new recovery codes' })
    expect(await replace.isVisible()).toBe(false)
    await page.getByRole('button', { name: 'I have saved them' }).click()
    await replace.waitFor()
  })

  it('have a download link that is at least as high as a button', async ({ open }) => {
    const { page } = await open()
    await logInOnPage(page, await createUser('codes-height'))
    await enrol(page)
    const controls = page.locator('#codes :is(a, button)')
    const heights = await controls.evaluateAll((all) => all.map((one) => one.clientHeight))
    expect(heights).toHaveLength(3)
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(38)
  })
})

/** Returns how many modules of a QR code are dark. */
function countDark(canvas: Element): number {
  if (!(canvas instanceof HTMLCanvasElement) || canvas.width === 0) return 0
  const context = canvas.getContext('2d')
  const pixels = context?.getImageData(0, 0, canvas.width, canvas.height).data ?? []
  return [...pixels].filter((value, index) => index % 4 === 3 && value > 0).length
}
