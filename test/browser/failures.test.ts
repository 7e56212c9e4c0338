// When the API fails, locks out or does not respond, the page says so and keeps working.

import { describe, expect } from 'vitest'

import {
  clickAndWait,
  fillLogin,
  it,
  logInOnPage,
  origin,
  readExchanges,
  callGuarded,
} from './browser.ts'

const NO_RESPONSE = 'The API does not respond.'
/** What Chromium logs for each aborted request. */
const CONNECTION_REFUSED = 'Failed to load resource: net::ERR_CONNECTION_REFUSED'
const isApiUrl = (url: URL) => url.origin === origin && !/^\/($|[\w-]+\.)/.test(url.pathname)

describe('an API that does not respond', () => {
  it('is reported when the page loads, and the page works once the API is back', async ({
    open,
  }) => {
    const { page, context, problems } = await open()
    await context.route(isApiUrl, (route) => route.abort('connectionrefused'))
    await page.reload()
    await page.getByRole('alert').getByText(NO_RESPONSE).waitFor()
    expect(await page.getByRole('heading', { name: 'A guarded endpoint' }).isVisible()).toBe(true)
    expect(await callGuarded(page, 'without a token')).toContain(`No response ${NO_RESPONSE}`)
    expect((await readExchanges(page))[0]).toBe('GET /protected No response')
    await fillLogin(page)
    await page.locator('#login').getByText(NO_RESPONSE).waitFor()
    expect(problems.splice(0)).toEqual([CONNECTION_REFUSED, CONNECTION_REFUSED, CONNECTION_REFUSED])

    await context.unroute(isApiUrl)
    await clickAndWait(page, 'Log in')
    expect(await callGuarded(page, 'with the token')).toContain('200 OK')
  })

  it('keeps the user logged in, and a failed logout is reported', async ({ open }) => {
    const { page, context, problems } = await open()
    await logInOnPage(page)
    await context.route(isApiUrl, (route) => route.abort('connectionrefused'))
    expect(await callGuarded(page, 'with the token')).toContain(NO_RESPONSE)
    await clickAndWait(page, 'Refresh now')
    expect(await page.locator('#refresh-result').innerText()).toContain(NO_RESPONSE)
    expect(await page.getByText('You are logged in as cosmo.').isVisible()).toBe(true)
    await page.getByRole('button', { name: 'Log out', exact: true }).click()
    const notice = page.getByRole('alert').getByText('Reloading the page logs you in again')
    await notice.waitFor()
    expect(problems.splice(0)).toEqual([CONNECTION_REFUSED, CONNECTION_REFUSED, CONNECTION_REFUSED])

    await context.unroute(isApiUrl)
    await page.reload()
    await page.getByText('You are logged in as cosmo.').waitFor()
  })

  it('does not keep the page disabled while its requests hang', async ({ open }) => {
    const { page, context } = await open()
    await context.route(isApiUrl, () => {}) // never responds
    await page.reload()
    await page.locator('#call-without-token:enabled').waitFor()
    expect(await page.getByRole('button', { name: 'Log in' }).isEnabled()).toBe(true)
    await context.unroute(isApiUrl)
    expect(await callGuarded(page, 'without a token')).toContain('401 Unauthorized')
  })

  it.for([
    [503, 'application/json', '{"error":"Service unavailable"}', 'temporarily unavailable'],
    [500, 'application/json', '{"error":"Internal server error"}', 'under 8a7b'],
    [502, 'text/html', '<b>Bad gateway</b>', 'The API failed.'],
  ] as const)(
    'is described differently from one that fails with %i %s',
    async ([status, contentType, body, words], { open }) => {
      const { page, context, problems } = await open()
      const headers = { 'X-Request-Id': '8a7b' }
      await context.route(isApiUrl, (route) =>
        route.fulfill({ status, contentType, body, headers }),
      )
      expect(await callGuarded(page, 'without a token')).toContain(words)
      expect(await page.locator('#exchanges').innerText()).not.toContain(NO_RESPONSE)
      expect(problems.splice(0)).toEqual([expect.stringContaining(`a status of ${status}`)])
    },
  )
})

describe('too many attempts', () => {
  it('disable the form and count down the seconds of Retry-After', async ({ open }) => {
    const { page, context } = await open()
    await context.clock.install()
    await page.reload()
    const button = page.getByRole('button', { name: 'Log in' })
    await fillLogin(page, { username: 'nobody', password: 'a guess' })
    for (let attempts = 1; attempts <= 10; attempts += 1) {
      await page.getByText('Bad username or password.').waitFor()
      await expect.poll(() => page.locator('[aria-disabled=true]').count()).toBe(0)
      await button.click()
      await page.locator(`#exchanges > li:nth-child(${attempts + 2})`).waitFor()
    }
    const result = page.locator('#login [role=status]')
    await result.getByText('Try again in').waitFor()
    expect(await result.innerText()).toMatch(
      /^429 Too Many Requests Too many attempts for nobody from here\. Try again in (1:00|0:5\d), or use another name\.$/,
    )
    expect(await button.getAttribute('aria-disabled')).toBe('true')
    expect(await result.getByRole('timer').getAttribute('aria-live')).toBe('off')
    await context.clock.fastForward('00:30')
    expect(await result.innerText()).toMatch(/Try again in 0:(30|2\d), or/)
    const sent = await page.locator('#exchanges > li').count()
    await page.getByLabel('Password', { exact: true }).press('Enter')
    expect(await page.locator('#exchanges > li').count()).toBe(sent)
    await context.clock.fastForward('00:31')
    expect(await result.innerText()).toBe('You can try again now.')
    expect(await button.getAttribute('aria-disabled')).toBe(null)
  })
})

it('a page without JavaScript says so and disables its forms', async ({ browser }) => {
  const context = await browser.newContext({
    javaScriptEnabled: false,
    viewport: { width: 390, height: 844 },
  })
  const page = await context.newPage()
  await page.goto(origin)
  const notice = page.locator('noscript p')
  expect(await notice.innerText()).toContain('needs JavaScript')
  expect(await notice.evaluate((shown) => shown.getBoundingClientRect().height)).toBeGreaterThan(0)
  expect(await page.locator('noscript pre').innerText()).toMatch(
    /^API=\S+\ncurl -i \$API\/protected\ncurl \$API\/login --json '\{.+\}'\ncurl \$API\/protected -H /,
  )
  expect(await page.locator('.lesson').isVisible()).toBe(true)
  for (const part of await page.locator('.lesson, noscript, noscript pre').all())
    expect(await part.evaluate((shown) => shown.getBoundingClientRect().right)).toBeLessThan(390)
  for (const control of await page.locator('form, button').all())
    expect(await control.isVisible()).toBe(false)
  expect(await page.getByLabel('Password', { exact: true }).isDisabled()).toBe(true)
  // If a form were submitted anyway, GET would put the password into the URL.
  for (const form of await page.locator('form').all())
    expect(await form.getAttribute('method')).toBe('post')
  await context.close()
})
