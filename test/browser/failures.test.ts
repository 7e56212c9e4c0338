// When the API refuses, pauses or does not answer: the page says so, and goes on.

import { describe, expect } from 'vitest'

import { clickAndWait, fillLogin, it, logIn, origin, readWire, send } from './browser.ts'

const NO_ANSWER = 'The API does not answer.'
/** What Chromium writes into the console of a request that was cut off. */
const CUT_OFF = 'Failed to load resource: net::ERR_CONNECTION_REFUSED'
const ofApi = (url: URL) => url.origin === origin && !/^\/($|[\w-]+\.)/.test(url.pathname)

describe('an API that does not answer', () => {
  it('leaves a page that says so at its start, and works once it answers', async ({ open }) => {
    const { page, context, problems } = await open()
    await context.route(ofApi, (route) => route.abort('connectionrefused'))
    await page.reload()
    await page.getByRole('alert').getByText(NO_ANSWER).waitFor()
    expect(await page.getByRole('heading', { name: 'In action' }).isVisible()).toBe(true)
    expect(await send(page, 'without a token')).toContain(`No answer ${NO_ANSWER}`)
    expect((await readWire(page))[0]).toBe('GET /protected No answer')
    await fillLogin(page)
    await page.locator('#login').getByText(NO_ANSWER).waitFor()
    expect(problems.splice(0)).toEqual([CUT_OFF, CUT_OFF, CUT_OFF])

    await context.unroute(ofApi)
    await clickAndWait(page, 'Log in')
    expect(await send(page, 'with the token')).toContain('200 OK')
  })

  it('does not cost the login, and says when a logout was not heard', async ({ open }) => {
    const { page, context, problems } = await open()
    await logIn(page)
    await context.route(ofApi, (route) => route.abort('connectionrefused'))
    expect(await send(page, 'with the token')).toContain(NO_ANSWER)
    await clickAndWait(page, 'Refresh now')
    expect(await page.locator('#refresh-result').innerText()).toContain(NO_ANSWER)
    expect(await page.getByText('You are logged in as cosmo.').isVisible()).toBe(true)
    await page.getByRole('button', { name: 'Log out here' }).click()
    const notice = page.getByRole('alert').getByText('a reload brings it back')
    await notice.waitFor()
    expect(problems.splice(0)).toEqual([CUT_OFF, CUT_OFF, CUT_OFF])

    await context.unroute(ofApi)
    await page.reload()
    await page.getByText('You are logged in as cosmo.').waitFor()
  })

  it('does not keep the page shut while it hangs', async ({ open }) => {
    const { page, context } = await open()
    await context.route(ofApi, () => {}) // never answered
    await page.reload()
    await page.locator('#knock:enabled').waitFor()
    expect(await page.getByRole('button', { name: 'Log in' }).isEnabled()).toBe(true)
    await context.unroute(ofApi)
    expect(await send(page, 'without a token')).toContain('401 Unauthorized')
  })

  it.for([
    [503, 'application/json', '{"error":"Service unavailable"}', 'cannot serve this now'],
    [500, 'application/json', '{"error":"Internal server error"}', 'under 8a7b'],
    [502, 'text/html', '<b>Bad gateway</b>', 'is broken'],
  ] as const)(
    'is told from one that fails with %i %s',
    async ([status, contentType, body, words], { open }) => {
      const { page, context, problems } = await open()
      const headers = { 'X-Request-Id': '8a7b' }
      await context.route(ofApi, (route) => route.fulfill({ status, contentType, body, headers }))
      expect(await send(page, 'without a token')).toContain(words)
      expect(await page.locator('#wire').innerText()).not.toContain(NO_ANSWER)
      expect(problems.splice(0)).toEqual([expect.stringContaining(`a status of ${status}`)])
    },
  )
})

describe('too many tries', () => {
  it('pause the form, count down what Retry-After says, and end with it', async ({ open }) => {
    const { page, context } = await open()
    await context.clock.install()
    await page.reload()
    const button = page.getByRole('button', { name: 'Log in' })
    await fillLogin(page, { username: 'nobody', password: 'a guess' })
    for (let tries = 1; tries <= 10; tries += 1) {
      await page.getByText('Bad username or password.').waitFor()
      await expect.poll(() => page.locator('[aria-disabled=true]').count()).toBe(0)
      await button.click()
      await page.locator(`#wire > li:nth-child(${tries + 2})`).waitFor()
    }
    const result = page.locator('#login [role=status]')
    await result.getByText('Try again in').waitFor()
    expect(await result.innerText()).toMatch(
      /^429 Too Many Requests .+ Try again in (1:00|0:5\d)\.$/,
    )
    expect(await button.getAttribute('aria-disabled')).toBe('true')
    expect(await result.getByRole('timer').getAttribute('aria-live')).toBe('off')
    await context.clock.fastForward('00:30')
    expect(await result.innerText()).toMatch(/Try again in 0:(30|2\d)\.$/)
    const sent = await page.locator('#wire > li').count()
    await page.getByLabel('Password', { exact: true }).press('Enter')
    expect(await page.locator('#wire > li').count()).toBe(sent)
    await context.clock.fastForward('00:31')
    expect(await result.innerText()).toBe('The pause is over: try again.')
    expect(await button.getAttribute('aria-disabled')).toBe(null)
  })
})

it('a page without scripts says what to do instead, and its forms are shut', async ({
  browser,
}) => {
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(origin)
  const text = page.locator('noscript p')
  expect(await text.innerText()).toContain('scripts are switched off')
  expect(await text.evaluate((shown) => shown.getBoundingClientRect().height)).toBeGreaterThan(0)
  expect(await page.getByLabel('Password', { exact: true }).isDisabled()).toBe(true)
  // Were they open: a GET would put the password into the URL.
  for (const form of await page.locator('form').all())
    expect(await form.getAttribute('method')).toBe('post')
  await context.close()
})
