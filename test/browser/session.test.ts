// A session survives a reload, is shared by all tabs, and ends with a clear message.

import { describe, expect } from 'vitest'

import { callGuarded, it, logInOnPage, openPage, origin, readBackground } from './browser.ts'

describe('a session', () => {
  it('survives a reload', async ({ open }) => {
    const { page } = await open()
    await logInOnPage(page)
    await page.reload()
    await page.getByText('You are logged in as cosmo.').waitFor()
    expect(await callGuarded(page, 'with the token')).toContain('200 OK')
    expect((await readBackground(page)).at(-1)).toBe('POST /refresh 200 OK')
  })

  it('uses a cookie that scripts cannot read and other sites do not receive', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    expect(await context.cookies()).toEqual([
      expect.objectContaining({
        name: '__Host-latchkey_refresh',
        httpOnly: true,
        secure: true,
        sameSite: 'Strict',
        path: '/',
      }),
    ])
  })

  it('is refreshed once when two tabs refresh at the same time', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    const other = await openPage(context)
    await other.getByText('You are logged in as cosmo.').waitFor()
    let refreshes = 0
    context.on('request', (request) => {
      if (request.url() === `${origin}/refresh`) refreshes += 1
    })
    const before = await page.locator('.raw').innerText()
    // Not Playwright's click(): it would bring each tab to the front first.
    const click = () => document.getElementById('refresh')?.click()
    await Promise.all([page.evaluate(click), other.evaluate(click)])
    for (const tab of [page, other])
      await tab.getByText('Refreshed: a new token for the same session.').waitFor()
    const tokens = await Promise.all([page, other].map((tab) => tab.locator('.raw').innerText()))
    expect(tokens[0]).toBe(tokens[1])
    expect(tokens[0]).not.toBe(before)
    expect(refreshes).toBe(1)
  })

  it('starts and ends in all tabs at once', async ({ open }) => {
    const { page, context } = await open()
    const other = await openPage(context)
    await logInOnPage(page)
    await other.getByText('You are logged in as cosmo.').waitFor()
    await other.getByRole('button', { name: 'Log out', exact: true }).click()
    await page.bringToFront()
    await page.getByRole('alert').getByText('You are logged out.').waitFor()
    expect(await page.locator('#call-with-token').isEnabled()).toBe(false)
  })

  it('whose cookie was deleted ends with the next refresh, and the page says why', async ({
    open,
  }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    await context.clearCookies()
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await page.getByRole('alert').getByText('no longer has the cookie').waitFor()
    expect(await page.getByRole('button', { name: 'Log in' }).isVisible()).toBe(true)
  })

  it('is reported as expired by the error code, regardless of its message', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    const headers = { 'X-Error-Code': 'token_expired' }
    await context.route(/\/refresh$/, (route) =>
      route.fulfill({ status: 401, headers, json: { msg: 'another message' } }),
    )
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await page.getByRole('alert').getByText('Your session has expired. Log in again.').waitFor()
  })

  it('ends with a clear message when an old, stolen refresh token is used', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    const [stolen] = await context.cookies()
    for (const _ of [1, 2]) {
      await page.getByRole('button', { name: 'Refresh now' }).click()
      await page.getByText('Refreshed: a new token').waitFor()
      await page.reload()
      await page.getByText('You are logged in as cosmo.').waitFor()
    }
    const headers = { Authorization: `Bearer ${stolen?.value}` }
    const replay = await fetch(`${origin}/refresh`, { method: 'POST', headers })
    expect(replay.status).toBe(401)

    expect(await callGuarded(page, 'with the token')).toContain('Token has been revoked')
    const message = await page.getByRole('alert').innerText()
    expect(message).toContain('Your session was revoked.')
    expect(message).toContain('an old copy of its refresh token was used')
    expect(message).toContain('change your password')
    expect(await page.getByRole('button', { name: 'Log in' }).isVisible()).toBe(true)
    expect(await page.locator('#token').innerText()).toBe('')
    expect(await context.cookies()).toEqual([])
  })
})
