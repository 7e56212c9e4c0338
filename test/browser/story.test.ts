// The lesson's three steps by clicks, and a login that lasts.

import { describe, expect } from 'vitest'

import { COSMO, fillLogin, it, logIn, openPage, origin, readWire, send } from './browser.ts'

describe('the page', () => {
  it('shows a 401, logs in, and shows a 200 for the same request', async ({ open }) => {
    const { page } = await open()
    expect(await send(page, 'without a token')).toBe(
      '401 Unauthorized Missing Authorization Header.',
    )
    await logIn(page)
    expect(await send(page, 'with the token')).toBe(
      '200 OK This is a protected route, and you are authenticated!',
    )
    expect(await readWire(page)).toEqual([
      'GET /protected 200 OK',
      'GET /sessions 200 OK',
      'POST /login 200 OK',
      'GET /protected 401 Unauthorized',
      'POST /refresh 401 Unauthorized',
    ])
    expect(await send(page, 'without a token')).toContain('Missing Authorization Header')
  })

  it('shows what went over the wire, with masked passwords and shortened tokens', async ({
    open,
  }) => {
    const { page } = await open()
    await logIn(page)
    await send(page, 'with the token')
    await page.locator('#wire details').evaluateAll((all) => {
      for (const details of all) details.setAttribute('open', '')
    })
    const shown = await page.locator('#wire').innerText()
    expect(shown).toMatch(/authorization: Bearer eyJ[\w-]{9}…[\w-]{6}\n/)
    expect(shown).toContain('"username": "cosmo",\n  "password": "••••••••",\n  "cookie": true')
    expect(shown).toContain('www-authenticate: Bearer realm="latchkey"')
    expect(shown).toMatch(/"access_token": "eyJ[\w-]{9}…[\w-]{6}"/)
    expect(shown).not.toContain(COSMO.password)
    expect(shown).not.toMatch(/eyJ[\w-]{20}/)
  })

  it('takes the access token apart, and puts its claims into words', async ({ open }) => {
    const { page } = await open()
    await logIn(page)
    const rows = await page.locator('#token dl > div').allInnerTexts()
    const claims = rows.map((row) => row.split(/\s*\n\s*/))
    expect(claims).toContainEqual(['alg', 'Signed with', 'HS256'])
    expect(claims).toContainEqual(['sub', 'User', 'cosmo'])
    expect(claims).toContainEqual(['roles', 'Roles', 'none'])
    expect(claims).toContainEqual(['exp', 'Expires', expect.stringMatching(/^\d+ \w+ 20\d\d, /)])
    const parts = await page.locator('.raw span').allInnerTexts()
    expect(JSON.parse(atob(parts[0] ?? ''))).toMatchObject({ alg: 'HS256', typ: 'JWT' })
    expect(await page.locator('.raw').innerText()).toBe(parts.join('.'))
  })

  it('has a bar that runs down until the token expires, and refills at a refresh', async ({
    open,
  }) => {
    const { page, context } = await open()
    await context.clock.install()
    await page.reload()
    await logIn(page)
    const bar = page.getByRole('progressbar', { name: /^Expires in/ })
    expect(await bar.getAttribute('max')).toBe('900')
    await context.clock.fastForward('14:30')
    expect(await page.getByRole('timer').innerText()).toMatch(/^0:(2\d|30)$/)
    expect(Number(await bar.getAttribute('value'))).toBeLessThanOrEqual(30)
    await context.clock.fastForward('01:00')
    const expired = 'Expired: the next request renews it by itself'
    expect(await page.getByRole('timer').innerText()).toBe(expired)
    const before = await page.locator('.raw').innerText()
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await page.getByText('Refreshed: a new token, for the same session.').waitFor()
    expect(await page.getByRole('timer').innerText()).toMatch(/^(15:00|14:5\d)$/)
    expect(await page.locator('.raw').innerText()).not.toBe(before)
  })

  it('says in plain words that the password is wrong, and lets it be tried again', async ({
    open,
  }) => {
    const { page } = await open()
    await fillLogin(page, { ...COSMO, password: 'not this one' })
    await page.locator('#login').getByText('Bad username or password.').waitFor()
    expect(await page.getByLabel('Password', { exact: true }).inputValue()).toBe('not this one')
    await logIn(page)
  })

  it('says at its field what is missing, and goes there', async ({ open }) => {
    const { page } = await open()
    await fillLogin(page, { username: 'cosmo', password: '' })
    await page.locator('#password-error').getByText('Fill this in.').waitFor()
    const password = page.getByLabel('Password', { exact: true })
    expect(await password.getAttribute('aria-invalid')).toBe('true')
    expect(await password.evaluate((input) => input === document.activeElement)).toBe(true)
    expect(await page.getByLabel('Username').getAttribute('aria-invalid')).toBe('false')
  })

  it('shows a password only while asked to, and hides it once it is sent', async ({ open }) => {
    const { page } = await open()
    const password = page.getByLabel('Password', { exact: true })
    expect(await password.getAttribute('type')).toBe('password')
    expect(await password.getAttribute('autocomplete')).toBe('current-password')
    await page.getByRole('button', { name: 'Show password' }).first().click()
    expect(await password.getAttribute('type')).toBe('text')
    await logIn(page)
    expect(await page.locator('#password').getAttribute('type')).toBe('password')
    expect(await page.locator('#password').inputValue()).toBe('')
  })
})

it('a script that got into the page would not run, nor make HTML (ASVS 3.4.3)', async ({
  open,
}) => {
  const { page, problems } = await open()
  const ran = await page.evaluate(() => {
    const script = document.createElement('script')
    const attempts = [
      () => script.append('globalThis.ran = true'),
      () => document.body.append(script),
      () => document.body.insertAdjacentHTML('beforeend', '<img src="x" onerror="ran = true">'),
      () => document.body.setAttribute('onclick', 'globalThis.ran = true'),
    ]
    for (const attempt of attempts)
      try {
        attempt()
      } catch {
        // a TypeError of Trusted Types
      }
    document.body.click()
    return 'ran' in globalThis
  })
  expect(ran).toBe(false)
  const refusals = () => problems.filter((text) => text.startsWith('require-trusted-types-for'))
  await expect.poll(() => refusals().length).toBe(3)
  problems.splice(0)
})

describe('a login', () => {
  it('lasts over a reload', async ({ open }) => {
    const { page } = await open()
    await logIn(page)
    await page.reload()
    await page.getByText('You are logged in as cosmo.').waitFor()
    expect(await send(page, 'with the token')).toContain('200 OK')
    expect((await readWire(page)).at(-1)).toBe('POST /refresh 200 OK')
  })

  it('is kept in a cookie that no script and no other site gets', async ({ open }) => {
    const { page, context } = await open()
    await logIn(page)
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

  it('is refreshed once for two tabs that ask at the same time', async ({ open }) => {
    const { page, context } = await open()
    await logIn(page)
    const other = await openPage(context)
    await other.getByText('You are logged in as cosmo.').waitFor()
    let refreshes = 0
    context.on('request', (request) => {
      if (request.url() === `${origin}/refresh`) refreshes += 1
    })
    const before = await page.locator('.raw').innerText()
    // By script: a click of Playwright's brings its tab to the front and waits for that.
    const click = () => document.getElementById('refresh')?.click()
    await Promise.all([page.evaluate(click), other.evaluate(click)])
    for (const tab of [page, other])
      await tab.getByText('Refreshed: a new token, for the same session.').waitFor()
    const tokens = await Promise.all([page, other].map((tab) => tab.locator('.raw').innerText()))
    expect(tokens[0]).toBe(tokens[1])
    expect(tokens[0]).not.toBe(before)
    expect(refreshes).toBe(1)
  })

  it('begins and ends in all tabs at once', async ({ open }) => {
    const { page, context } = await open()
    const other = await openPage(context)
    await logIn(page)
    await other.getByText('You are logged in as cosmo.').waitFor()
    await other.getByRole('button', { name: 'Log out here' }).click()
    await page.bringToFront()
    await page.getByRole('alert').getByText('You are logged out.').waitFor()
    expect(await send(page, 'with the token')).toContain('401 Unauthorized')
  })

  it('whose cookie has been deleted ends with the next refresh, and says why', async ({ open }) => {
    const { page, context } = await open()
    await logIn(page)
    await context.clearCookies()
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await page.getByRole('alert').getByText('no longer has the cookie').waitFor()
    expect(await page.getByRole('button', { name: 'Log in' }).isVisible()).toBe(true)
  })

  it('ends with a clear message when a stolen old refresh token is used', async ({ open }) => {
    const { page, context } = await open()
    await logIn(page)
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

    expect(await send(page, 'with the token')).toContain('Token has been revoked')
    const message = await page.getByRole('alert').innerText()
    expect(message).toContain('This session has ended.')
    expect(message).toContain('an old copy of its refresh token was used')
    expect(message).toContain('change your password')
    expect(await page.getByRole('button', { name: 'Log in' }).isVisible()).toBe(true)
    expect(await page.locator('#token').innerText()).toBe('')
    expect(await context.cookies()).toEqual([])
  })
})
