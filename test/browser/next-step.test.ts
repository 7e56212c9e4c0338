// The button that the page highlights, and what it disables until there is a token.

import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'

import { callGuarded, clickAndWait, COSMO, fillLogin, it, logInOnPage } from './browser.ts'

/** Returns the labels of the highlighted buttons. */
const readPrimary = (page: Page) =>
  page.locator('button:visible').evaluateAll((all) => {
    const accent = getComputedStyle(document.querySelector('a') ?? document.body).color
    return all
      .filter((button) => getComputedStyle(button).backgroundColor === accent)
      .map((button) => (button.textContent ?? '').trim())
  })

describe('the highlighted button', () => {
  it('is always the next sensible step', async ({ open }) => {
    const { page } = await open()
    const expectPrimary = (label: string) =>
      expect.poll(async () => (await readPrimary(page)).join()).toBe(label)
    expect(await page.locator('#call-with-token').isDisabled()).toBe(true)
    await expectPrimary('Send without a token')
    await callGuarded(page, 'without a token')
    await expectPrimary('Log in')
    await fillLogin(page, { ...COSMO, password: 'a wrong one' })
    await page.getByText('Bad username or password.').waitFor()
    await expectPrimary('Log in')
    await logInOnPage(page)
    await expectPrimary('Send with the token')
    await callGuarded(page, 'with the token')
    await expectPrimary('Send a changed token')
    await clickAndWait(page, 'Send a changed token')
    await expectPrimary('Send without and with the token')
  })

  it('is the login when a session has ended, even before the first step', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    await page.reload()
    await page.getByText('You are logged in as cosmo.').waitFor()
    await expect.poll(() => readPrimary(page)).toEqual(['Send with the token'])
    await context.clearCookies()
    await clickAndWait(page, 'Refresh now')
    await page.getByRole('alert').getByText('Log in again.').waitFor()
    expect(await readPrimary(page)).toEqual(['Log in'])
    expect(await page.locator('#call-with-token').isDisabled()).toBe(true)
  })
})
