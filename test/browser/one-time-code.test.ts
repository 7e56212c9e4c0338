// The field for a one-time code in the login form.

import type { Locator, Route } from 'playwright-core'
import { describe, expect } from 'vitest'

import { it, logInOnPage, type Profile } from './browser.ts'
import { createUser, enrol, logOut, sendPassword } from './second-factor.ts'

describe('the field for a code at login', () => {
  /** Enrols a new user, logs out, and sends the password again. */
  const askForCode = async ({ page }: Profile, username: string) => {
    await logInOnPage(page, await createUser(username))
    const { codes } = await enrol(page)
    await logOut(page)
    await sendPassword(page, username)
    return { codes, field: page.getByLabel('One-time code') }
  }
  const isFocused = (field: Locator) => field.evaluate((input) => input === document.activeElement)

  it('keeps its code and the focus after a failure that is not about the code', async ({
    open,
  }) => {
    const profile = await open()
    const { page, context, problems } = profile
    const { field } = await askForCode(profile, 'code-kept')
    await field.fill('123456')
    const respond = (status: number, code: string) => (route: Route) =>
      route.fulfill({ status, headers: { 'X-Error-Code': code, 'Retry-After': '1' }, json: {} })
    for (const [handle, words] of [
      [(route: Route) => route.abort('connectionrefused'), 'The API does not respond.'],
      [respond(503, 'busy'), 'temporarily unavailable'],
      [respond(401, 'bad_credentials'), 'The API rejected this.'],
      [respond(429, 'too_many_attempts'), 'Too many attempts'],
    ] as const) {
      await context.route('**/login', handle)
      await page.keyboard.press('Enter')
      await page.locator('#login').getByText(words).waitFor()
      expect(await field.inputValue()).toBe('123456')
      expect(await isFocused(field)).toBe(true)
      await context.unroute('**/login')
    }
    expect(problems.splice(0)).toEqual([
      expect.stringContaining('ERR_CONNECTION_REFUSED'),
      expect.stringContaining('a status of 503'),
    ])
  })

  it('disappears with its code when another name is typed, so that no code is sent for another user', async ({
    open,
  }) => {
    const profile = await open()
    const { page } = profile
    const { field } = await askForCode(profile, 'code-of-another')
    await field.fill('123456')
    await logInOnPage(page)
    expect(await page.locator('#exchanges details[open]').innerText()).not.toContain('"otp"')
    await logOut(page)
    expect(await field.isVisible()).toBe(false)
  })

  it('is marked after a wrong code, and says that a code works once', async ({ open }) => {
    const profile = await open()
    const { page } = profile
    const { field } = await askForCode(profile, 'code-wrong')
    expect(await field.getAttribute('aria-invalid')).toBe('false')
    await field.fill('000000')
    await page.keyboard.press('Enter')
    await page.locator('#login').getByText('Bad one-time code.').waitFor()
    await page.locator('#otp[aria-invalid=true]').waitFor()
    expect(await isFocused(field)).toBe(true)
    const hint = 'or a recovery code. Each works once: wait for the next one.'
    expect(await page.locator('#otp-error').innerText()).toContain(hint)
  })

  it('brings up the keyboard for digits again after a login with a recovery code', async ({
    open,
  }) => {
    const profile = await open()
    const { page } = profile
    const { codes, field } = await askForCode(profile, 'code-letters')
    await page.getByRole('button', { name: 'Use a recovery code' }).click()
    await page.keyboard.type('wrong')
    await page.keyboard.press('Enter')
    await page.locator('#login').getByText('Bad one-time code.').waitFor()
    expect(await field.getAttribute('inputmode')).toBe('text')
    await field.fill(codes[0] ?? '')
    await page.keyboard.press('Enter')
    await page.getByText('You are logged in as code-letters.').waitFor()
    await logOut(page)
    await sendPassword(page, 'code-letters')
    expect(await field.getAttribute('inputmode')).toBe('numeric')
  })
})
