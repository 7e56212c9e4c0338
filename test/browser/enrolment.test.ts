// The enrolment of an authenticator app: what a user sees, can undo and is told to do.

import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'

import { clickAndWait, it, logInOnPage, openPage } from './browser.ts'
import { computeCode, createUser, enrol, logOut, PHONE, readFocus } from './second-factor.ts'

describe('an enrolment', () => {
  const WRONG = '000000'
  /** Logs a new user in and begins to enrol. */
  const begin = async (page: Page, username: string) => {
    await logInOnPage(page, await createUser(username))
    await add(page)
  }
  const add = async (page: Page) => {
    await page.getByRole('button', { name: 'Add an authenticator app' }).press('Enter')
    await expect.poll(() => readFocus(page)).toBe('enrol-otp')
    return page.locator('#enrol-secret').innerText()
  }
  const sendWrongCode = async (page: Page) => {
    await page.keyboard.type(WRONG)
    await page.keyboard.press('Enter')
    await page.locator('#enrol-otp[aria-invalid=true]').waitFor()
    await page.locator('#enrol').getByText('400 Bad Request').waitFor()
  }
  const expectNoErrors = async (page: Page) => {
    expect(await page.locator('#enrol-otp').getAttribute('aria-invalid')).toBe('false')
    expect(await page.locator('#enrol-otp-error').innerText()).toContain('The 6 digits')
    expect(await page.locator('#enrol [role=status]').innerText()).toBe('')
  }

  it.for([
    ['a laptop', { viewport: { width: 1280, height: 800 } }],
    ['a phone', PHONE],
  ] as const)(
    'fits on the screen of %s, from the QR code to the buttons, also with an error',
    async ([name, options], { open }) => {
      const { page } = await open(options)
      await begin(page, `enrol-on-${name.split(' ')[1]}`)
      for (const shown of ['before', 'after'] as const) {
        if (shown === 'after') await sendWrongCode(page)
        const qr = await page.locator('#enrol-qr').boundingBox()
        const button = await page.getByRole('button', { name: 'Confirm' }).boundingBox()
        expect(qr?.y).toBeGreaterThanOrEqual(0)
        const bottom = (button?.y ?? Infinity) + (button?.height ?? 0)
        expect(bottom).toBeLessThanOrEqual(options.viewport.height)
      }
    },
  )

  it('without a QR code tells the user to type the key', async ({ open }) => {
    const { page, context, problems } = await open()
    await context.route('**/lean-qr.js', (route) => route.abort())
    await begin(page, 'enrol-without-qr')
    await page.getByText('No QR code: type the key.').waitFor()
    expect(await page.locator('#enrol-qr').isVisible()).toBe(false)
    expect(problems.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')])
    await context.unroute('**/lean-qr.js')
    await page.reload()
    await add(page)
    await page.locator('#enrol-qr').waitFor()
    expect(await page.getByText('No QR code').isVisible()).toBe(false)
  })

  it('keeps its key when its button is pressed again, so that the app that has it stays usable', async ({
    open,
  }) => {
    const { page } = await open()
    await begin(page, 'enrol-twice')
    const key = await page.locator('#enrol-secret').innerText()
    expect(await add(page)).toBe(key)
  })

  it('that is cancelled forgets its key and its error, and moves the focus to the heading', async ({
    open,
  }) => {
    const { page } = await open()
    await begin(page, 'enrol-cancelled')
    const key = await page.locator('#enrol-secret').innerText()
    await sendWrongCode(page)
    await page.getByRole('button', { name: 'Cancel' }).press('Enter')
    expect(await page.locator('#enrol').isVisible()).toBe(false)
    expect(await readFocus(page)).toBe('factors-title')
    const content = await page.content()
    for (const secret of [key, key.replaceAll(' ', '')]) expect(content).not.toContain(secret)
    expect(await add(page)).not.toBe(key)
    await expectNoErrors(page)
  })

  it('does not show its error to the next user', async ({ open }) => {
    const { page } = await open()
    await begin(page, 'enrol-left')
    await sendWrongCode(page)
    await logOut(page)
    await begin(page, 'enrol-next')
    await expectNoErrors(page)
  })

  it('that is locked out says so again after it was cancelled', async ({ open }) => {
    const { page, context } = await open()
    await begin(page, 'enrol-locked')
    await context.route('**/verify', (route) =>
      route.fulfill({ status: 429, headers: { 'Retry-After': '60' }, json: {} }),
    )
    await page.keyboard.press('Enter')
    const lockout = page.locator('#enrol').getByText('Too many attempts from here.')
    await lockout.waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await add(page)
    await lockout.waitFor()
  })

  it('offers its key as a link for an app on the same device, and to copy', async ({ open }) => {
    const { page } = await open({ permissions: ['clipboard-read', 'clipboard-write'] })
    await begin(page, 'enrol-link')
    const key = await page.locator('#enrol-secret').innerText()
    const href = (await page.locator('#enrol-secret').getAttribute('href')) ?? ''
    expect(href).toMatch(/^otpauth:\/\/totp\//)
    expect(new URL(href).searchParams.get('secret')).toBe(key.replaceAll(' ', ''))
    await page.getByRole('button', { name: 'Copy the key' }).click()
    await page.getByText('Copied').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key)
    const [instruction] = (
      (await page.locator('#enrol-otp').getAttribute('aria-describedby')) ?? ''
    ).split(' ')
    expect(await page.locator(`#${instruction}`).innerText()).toContain('Scan this with your app')
  })

  it('whose confirmation got no response is listed after another attempt, and the page says what to do', async ({
    open,
  }) => {
    const { page, context, problems } = await open()
    await begin(page, 'enrol-lost')
    const key = (await page.locator('#enrol-secret').innerText()).replaceAll(' ', '')
    await context.route('**/verify', async (route) => {
      await route.fetch()
      await route.abort()
    })
    await page.keyboard.type(computeCode(key, -1))
    await page.keyboard.press('Enter')
    await page.locator('#enrol').getByText('The API does not respond.').waitFor()
    expect(problems.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')])
    await context.unroute('**/verify')
    await page.keyboard.press('Enter')
    await page.getByText('This enrolment was finished or replaced.').waitFor()
    await page.getByRole('button', { name: /^Remove Authenticator app/ }).waitFor()
    expect(await page.locator('#enrol').isVisible()).toBe(false)
    expect(await readFocus(page)).toBe('factors-title')
    await clickAndWait(page, 'Create new recovery codes')
    await page.getByRole('heading', { name: 'Save your recovery codes' }).waitFor()
  })

  it('is shown in the activity and in another tab, where the focus stays on its button', async ({
    open,
  }) => {
    const { page, context } = await open()
    await logInOnPage(page, await createUser('enrol-tabs'))
    const other = await openPage(context)
    await other.locator('#factors').getByText('You have none yet.').waitFor()
    await enrol(page)
    await page.locator('#activity').getByText('Second factor added').waitFor()
    const remove = other.getByRole('button', { name: /^Remove Authenticator app/ })
    await other.getByText('Recovery codes left: 10 of 10.').waitFor()
    await remove.focus()
    const loaded = other.waitForResponse('**/me/recovery-codes')
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await loaded
    expect(await remove.evaluate((button) => button === document.activeElement)).toBe(true)
  })
})
