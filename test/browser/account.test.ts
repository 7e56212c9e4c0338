// What a login can do: its sessions, its ends, its password.

import { describe, expect } from 'vitest'

import { clickAndWait, COSMO, it, logIn, openPage, readWire, send } from './browser.ts'
import { ADA } from './setup.ts'

const ENDED = 'This session has ended.'

describe('the session list', () => {
  it('names this browser and the others, and ends one of those for good', async ({ open }) => {
    const [here, there] = [await open(), await open({ userAgent: 'curl/8.14.1' })]
    await logIn(here.page)
    await logIn(there.page)
    await clickAndWait(here.page, 'Read again')
    const own = here.page.locator('#sessions li', { hasText: 'this browser' })
    expect(await own.innerText()).toMatch(/^Chrome on Linux/)
    await here.page
      .getByRole('button', { name: /^End the session of curl/ })
      .first()
      .click()
    await here.page.getByText('Session ended.').waitFor()
    const title = here.page.getByRole('heading', { name: 'Your sessions' })
    expect(await title.evaluate((heading) => heading === document.activeElement)).toBe(true)

    expect(await send(there.page, 'with the token')).toContain('401 Unauthorized')
    expect(await there.page.getByRole('alert').innerText()).toContain(ENDED)
    expect(await send(here.page, 'with the token')).toContain('200 OK')
  })

  it('logs out here when its own session is ended', async ({ open }) => {
    const { page, context } = await open()
    await logIn(page)
    const own = page.locator('#sessions li', { hasText: 'this browser' })
    await own.getByRole('button').click()
    await page.getByRole('alert').getByText('You are logged out.').waitFor()
    expect(await context.cookies()).toEqual([])
  })

  it('shows more than a page of sessions when asked', async ({ open }) => {
    const { page, context } = await open()
    await logIn(page)
    // Two pages of one made-up session each: 20 real ones are all that a user may have.
    const entry = { id: 'a', created_at: 1, refreshed_at: 1, expires_at: 2, user_agent: 'node' }
    await context.route(/\/sessions/, (route) => {
      const next = route.request().url().includes('after') ? null : '1.a'
      const sessions = [{ ...entry, country: '', current: false }]
      return route.fulfill({ json: { sessions, next } })
    })
    await clickAndWait(page, 'Read again')
    expect(await page.locator('#sessions li').count()).toBe(1)
    await clickAndWait(page, 'Show more')
    expect(await page.locator('#sessions li').count()).toBe(2)
    expect((await readWire(page))[0]).toBe('GET /sessions?after=1.a 200 OK')
    expect(await page.getByRole('button', { name: 'Show more' }).isVisible()).toBe(false)
  })
})

describe('logging out', () => {
  it('here ends this session and no other, and leaves nothing of it in the page', async ({
    open,
  }) => {
    const [here, there] = [await open(), await open()]
    await logIn(here.page)
    await logIn(there.page)
    await here.page.getByRole('button', { name: 'Log out here' }).click()
    await here.page.getByRole('alert').getByText('You are logged out.').waitFor()
    expect(await here.context.cookies()).toEqual([])
    expect(await here.page.content()).not.toMatch(/eyJ[\w-]{20}/)
    expect(await here.page.locator('#sessions li').count()).toBe(0)
    expect(await here.page.locator('#account').isVisible()).toBe(false)
    expect(await send(here.page, 'with the token')).toContain('Missing Authorization Header')
    expect(await send(there.page, 'with the token')).toContain('200 OK')
  })

  it('elsewhere ends the others and not this one', async ({ open }) => {
    const [here, there] = [await open(), await open()]
    await logIn(there.page)
    await logIn(here.page)
    await clickAndWait(here.page, 'Log out elsewhere')
    expect(await here.page.locator('#logout-result').innerText()).toBe('200 OK Logged out.')
    expect(await here.page.locator('#sessions li').count()).toBe(1)
    expect(await send(there.page, 'with the token')).toContain('401 Unauthorized')
    expect(await there.page.getByRole('alert').innerText()).toContain(ENDED)
    expect(await send(here.page, 'with the token')).toContain('200 OK')
  })

  it('everywhere ends all', async ({ open }) => {
    const [here, there] = [await open(), await open()]
    await logIn(there.page)
    await logIn(here.page)
    await here.page.getByRole('button', { name: 'Log out everywhere' }).click()
    await here.page.getByRole('alert').getByText('You are logged out.').waitFor()
    for (const { page } of [here, there])
      expect(await send(page, 'with the token')).toContain('401 Unauthorized')
  })
})

describe('the change of password', () => {
  it('says at each field what is wrong, then changes it and ends the other sessions', async ({
    open,
  }) => {
    const [here, there] = [await open(), await open()]
    await logIn(there.page, ADA)
    await logIn(here.page, ADA)
    const { page } = here
    const current = page.getByLabel('Current password')
    const next = page.getByLabel('New password')
    await current.fill(ADA.password)
    await next.fill('short')
    await clickAndWait(page, 'Change it')
    expect(await page.locator('#new_password-error').innerText()).toContain('15')
    expect(await next.getAttribute('aria-invalid')).toBe('true')

    await current.fill('not this one')
    await next.fill('four trams to the opera')
    await clickAndWait(page, 'Change it')
    expect(await page.locator('#current_password-error').innerText()).toBe('Wrong password.')
    expect(await current.evaluate((input) => input === document.activeElement)).toBe(true)

    await current.fill(ADA.password)
    await clickAndWait(page, 'Change it')
    expect(await page.locator('#change [role=status]').innerText()).toBe('200 OK Password changed.')
    expect(await next.inputValue()).toBe('')
    expect(await page.locator('#wire').textContent()).not.toContain('opera')
    expect(await send(page, 'with the token')).toContain('200 OK')
    expect(await send(there.page, 'with the token')).toContain('401 Unauthorized')

    const again = await openPage((await open()).context)
    await logIn(again, { ...ADA, password: 'four trams to the opera' })
  })

  it('tells a password manager whose password it is', async ({ open }) => {
    const { page } = await open()
    await logIn(page)
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
