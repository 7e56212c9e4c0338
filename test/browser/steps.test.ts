// The page shows the lesson's three steps: a 401, a login, and a 200.

import { describe, expect } from 'vitest'

import {
  COSMO,
  fillLogin,
  it,
  logInOnPage,
  readBackground,
  readExchanges,
  callGuarded,
} from './browser.ts'

describe('the page', () => {
  it('shows a 401, logs in, and shows a 200 for the same request', async ({ open }) => {
    const { page } = await open()
    expect(await callGuarded(page, 'without a token')).toBe(
      '401 Unauthorized Missing Authorization Header.',
    )
    await logInOnPage(page)
    expect(await callGuarded(page, 'with the token')).toBe(
      '200 OK This is a protected route, and you are authenticated!',
    )
    expect(await readExchanges(page)).toEqual([
      'GET /protected 200 OK',
      'POST /login 200 OK',
      'GET /protected 401 Unauthorized',
    ])
    const background = await readBackground(page)
    expect(background).toContain('GET /sessions 200 OK')
    expect(background.slice(-2)).toEqual([
      'POST /signup 404 Not Found',
      'POST /refresh 401 Unauthorized',
    ])
    expect(await callGuarded(page, 'without a token')).toContain('Missing Authorization Header')
  })

  it('shows its requests and responses with masked passwords and shortened tokens', async ({
    open,
  }) => {
    const { page } = await open()
    await logInOnPage(page)
    await callGuarded(page, 'with the token')
    await page.locator('#exchanges details').evaluateAll((all) => {
      for (const details of all) details.setAttribute('open', '')
    })
    const shown = await page.locator('#exchanges').innerText()
    expect(shown).toMatch(/authorization: Bearer eyJ[\w-]{9}…[\w-]{6}\n/)
    expect(shown).toContain('"username": "cosmo",\n  "password": "••••••••",\n  "cookie": true')
    expect(shown).toContain('www-authenticate: Bearer realm="latchkey"')
    expect(shown).toContain('x-error-code: authorization_missing')
    expect(shown).toMatch(/"access_token": "eyJ[\w-]{9}…[\w-]{6}"/)
    expect(shown).not.toContain(COSMO.password)
    expect(shown).not.toMatch(/eyJ[\w-]{20}/)
  })

  it('shows the parts of the access token with a label for each claim', async ({ open }) => {
    const { page } = await open()
    await logInOnPage(page)
    const rows = await page.locator('#token dl > div').allInnerTexts()
    const claims = rows.map((row) => row.split(/\s*\n\s*/))
    expect(claims).toContainEqual(['alg', 'Algorithm', 'HS256'])
    expect(claims).toContainEqual(['sub', 'User', 'cosmo'])
    expect(claims).toContainEqual(['roles', 'Roles', 'none'])
    expect(claims).toContainEqual(['exp', 'Expires', expect.stringMatching(/^\d+ \w+ 20\d\d, /)])
    const parts = await page.locator('.raw span').allInnerTexts()
    expect(JSON.parse(atob(parts[0] ?? ''))).toMatchObject({ alg: 'HS256', typ: 'JWT' })
    expect(await page.locator('.raw').innerText()).toBe(parts.join('.'))
  })

  it('has a bar that shrinks until the token expires, and a refresh refills it', async ({
    open,
  }) => {
    const { page, context } = await open()
    await context.clock.install()
    await page.reload()
    await logInOnPage(page)
    const bar = page.getByRole('progressbar', { name: /^Expires in/ })
    expect(await bar.getAttribute('max')).toBe('900')
    await context.clock.fastForward('14:30')
    expect(await page.getByRole('timer').innerText()).toMatch(/^0:(2\d|30)$/)
    expect(Number(await bar.getAttribute('value'))).toBeLessThanOrEqual(30)
    await context.clock.fastForward('01:00')
    const expired = 'Expired. The next request refreshes it automatically.'
    expect(await page.getByRole('timer').innerText()).toBe(expired)
    const before = await page.locator('.raw').innerText()
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await page.getByText('Refreshed: a new token for the same session.').waitFor()
    expect(await page.getByRole('timer').innerText()).toMatch(/^(15:00|14:5\d)$/)
    expect(await page.locator('.raw').innerText()).not.toBe(before)
  })

  it('reports a wrong password and accepts the right one next', async ({ open }) => {
    const { page } = await open()
    await fillLogin(page, { ...COSMO, password: 'not this one' })
    await page.locator('#login').getByText('Bad username or password.').waitFor()
    expect(await page.getByLabel('Password', { exact: true }).inputValue()).toBe('not this one')
    await logInOnPage(page)
  })

  it('shows a missing value at its field and moves the focus there', async ({ open }) => {
    const { page } = await open()
    await fillLogin(page, { username: 'cosmo', password: '' })
    await page.locator('#password-error').getByText('Fill this in.').waitFor()
    const password = page.getByLabel('Password', { exact: true })
    expect(await password.getAttribute('aria-invalid')).toBe('true')
    expect(await password.evaluate((input) => input === document.activeElement)).toBe(true)
    expect(await page.getByLabel('Username').getAttribute('aria-invalid')).toBe('false')
  })

  it('shows a password only on request and hides it after login', async ({ open }) => {
    const { page } = await open()
    const password = page.getByLabel('Password', { exact: true })
    expect(await password.getAttribute('type')).toBe('password')
    expect(await password.getAttribute('autocomplete')).toBe('current-password')
    await page.getByRole('button', { name: 'Show password' }).first().click()
    expect(await password.getAttribute('type')).toBe('text')
    await logInOnPage(page)
    expect(await page.locator('#password').getAttribute('type')).toBe('password')
    expect(await page.locator('#password').inputValue()).toBe('')
  })
})

it('a script injected into the page does not run and cannot create HTML (ASVS 3.4.3)', async ({
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
        // Trusted Types throw a TypeError
      }
    document.body.click()
    return 'ran' in globalThis
  })
  expect(ran).toBe(false)
  const violations = () => problems.filter((text) => text.startsWith('require-trusted-types-for'))
  await expect.poll(() => violations().length).toBe(3)
  problems.splice(0)
})
