// The account of a logged-in user: its sessions, logging out, changing the password.

import { describe, expect } from 'vitest'

import {
  clickAndWait,
  COSMO,
  it,
  logInOnPage,
  openPage,
  readExchanges,
  callGuarded,
} from './browser.ts'
import { ADA } from './setup.ts'

const REVOKED = 'Your session was revoked.'

describe('the session list', () => {
  it('shows this browser and others, and its button revokes another session', async ({ open }) => {
    const [here, there] = [await open(), await open({ userAgent: 'curl/8.14.1' })]
    await logInOnPage(here.page)
    await logInOnPage(there.page)
    await clickAndWait(here.page, 'Reload list')
    const own = here.page.locator('#sessions li', { hasText: 'this browser' })
    expect(await own.innerText()).toMatch(/^Chrome on Linux/)
    await here.page
      .getByRole('button', { name: /^End the session of curl/ })
      .first()
      .click()
    await here.page.getByText('Session ended.').waitFor()
    const title = here.page.getByRole('heading', { name: 'Your sessions' })
    expect(await title.evaluate((heading) => heading === document.activeElement)).toBe(true)

    expect(await callGuarded(there.page, 'with the token')).toContain('401 Unauthorized')
    expect(await there.page.getByRole('alert').innerText()).toContain(REVOKED)
    expect(await callGuarded(here.page, 'with the token')).toContain('200 OK')
  })

  it('begins with this browser, and follows a refresh without taking the focus away', async ({
    open,
  }) => {
    const [here, there] = [await open(), await open()]
    await logInOnPage(here.page)
    await logInOnPage(there.page)
    await clickAndWait(here.page, 'Reload list')
    const first = here.page.locator('#sessions li').first()
    expect(await first.innerText()).toContain('this browser')
    expect(await first.innerText()).toMatch(/Logged in (just now|\d minutes? ago), last refreshed/)
    const own = await first.getByRole('button').elementHandle()
    await first.getByRole('button').focus()
    await here.page.evaluate(() => document.getElementById('refresh')?.click())
    await expect.poll(() => own?.evaluate((button) => button.isConnected)).toBe(false)
    const isFocused = () =>
      first.getByRole('button').evaluate((end) => end === document.activeElement)
    await expect.poll(isFocused).toBe(true)
  })

  it('logs out the page when the current session is ended', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    const own = page.locator('#sessions li', { hasText: 'this browser' })
    await own.getByRole('button').click()
    await page.getByRole('alert').getByText('You are logged out.').waitFor()
    expect(await context.cookies()).toEqual([])
  })

  it('loads the next page of sessions with "Show more"', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    // Two fake pages: a user's sessions, at most 20, fit on one real page.
    const entry = { id: 'a', created_at: 1, refreshed_at: 1, expires_at: 2, user_agent: 'node' }
    await context.route(/\/sessions/, (route) => {
      const next = route.request().url().includes('after') ? null : '1.a'
      const sessions = [{ ...entry, country: '', current: false }]
      return route.fulfill({ json: { sessions, next } })
    })
    await clickAndWait(page, 'Reload list')
    expect(await page.locator('#sessions li').count()).toBe(1)
    await clickAndWait(page, 'Show more')
    expect(await page.locator('#sessions li').count()).toBe(2)
    expect((await readExchanges(page))[0]).toBe('GET /sessions?after=1.a 200 OK')
    expect(await page.getByRole('button', { name: 'Show more' }).isVisible()).toBe(false)
  })
})

describe('logging out', () => {
  it('here ends only this session and removes its data from the page', async ({ open }) => {
    const [here, there] = [await open(), await open()]
    await logInOnPage(here.page)
    await logInOnPage(there.page)
    await here.page.getByRole('button', { name: 'Log out', exact: true }).click()
    await here.page.getByRole('alert').getByText('You are logged out.').waitFor()
    expect(await here.context.cookies()).toEqual([])
    expect(await here.page.content()).not.toMatch(/eyJ[\w-]{20}/)
    expect(await here.page.locator('#sessions li').count()).toBe(0)
    expect(await here.page.locator('#account').isVisible()).toBe(false)
    expect(await here.page.locator('#call-with-token').isEnabled()).toBe(false)
    expect(await callGuarded(there.page, 'with the token')).toContain('200 OK')
  })

  it('elsewhere ends all other sessions and keeps this one', async ({ open }) => {
    const [here, there] = [await open(), await open()]
    await logInOnPage(there.page)
    await logInOnPage(here.page)
    await clickAndWait(here.page, 'Log out elsewhere')
    expect(await here.page.locator('#sessions-result').innerText()).toBe('200 OK Logged out.')
    expect(await here.page.locator('#sessions li').count()).toBe(1)
    expect(await callGuarded(there.page, 'with the token')).toContain('401 Unauthorized')
    expect(await there.page.getByRole('alert').innerText()).toContain(REVOKED)
    expect(await callGuarded(here.page, 'with the token')).toContain('200 OK')
  })

  it('everywhere ends all sessions', async ({ open }) => {
    const [here, there] = [await open(), await open()]
    await logInOnPage(there.page)
    await logInOnPage(here.page)
    await here.page.getByRole('button', { name: 'Log out everywhere' }).click()
    await here.page.getByRole('alert').getByText('You are logged out.').waitFor()
    expect(await here.page.locator('#call-with-token').isEnabled()).toBe(false)
    expect(await callGuarded(there.page, 'with the token')).toContain('401 Unauthorized')
  })
})

describe('changing the password', () => {
  it('shows errors at their fields, and once it succeeds ends the other sessions', async ({
    open,
  }) => {
    const [here, there] = [await open(), await open()]
    await logInOnPage(there.page, ADA)
    await logInOnPage(here.page, ADA)
    const { page } = here
    const current = page.getByLabel('Current password')
    const next = page.locator('#change').getByLabel('New password')
    await current.fill(ADA.password)
    await next.fill('short')
    await clickAndWait(page, 'Change password')
    expect(await page.locator('#new_password-error').innerText()).toContain('15')
    expect(await next.getAttribute('aria-invalid')).toBe('true')

    await current.fill('not this one')
    await next.fill('four trams to the opera')
    await clickAndWait(page, 'Change password')
    expect(await page.locator('#current_password-error').innerText()).toBe('Wrong password.')
    expect(await current.evaluate((input) => input === document.activeElement)).toBe(true)

    await current.fill(ADA.password)
    await clickAndWait(page, 'Change password')
    expect(await page.locator('#change [role=status]').innerText()).toBe(
      '200 OK Password changed. Your other sessions have ended.',
    )
    expect(await next.inputValue()).toBe('')
    expect(await page.locator('#exchanges').textContent()).not.toContain('opera')
    expect(await callGuarded(page, 'with the token')).toContain('200 OK')
    expect(await callGuarded(there.page, 'with the token')).toContain('401 Unauthorized')

    const again = await openPage((await open()).context)
    await logInOnPage(again, { ...ADA, password: 'four trams to the opera' })
  })

  it('tells password managers which user the new password belongs to', async ({ open }) => {
    const { page } = await open()
    await logInOnPage(page)
    const fields = await page
      .locator('#change input')
      .evaluateAll((inputs) =>
        inputs.map((input) => [
          input.getAttribute('autocomplete'),
          'value' in input && input.value,
        ]),
      )
    expect(fields).toEqual([
      ['username', COSMO.username],
      ['current-password', ''],
      ['new-password', ''],
    ])
  })
})
