// Choosing a password with a one-time code, by keyboard alone.

import { describe, expect, inject } from 'vitest'

import { COSMO, findViolations, it, logInOnPage } from './browser.ts'

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const origin = () => inject('origin')

/** Invites a user over HTTP, as an admin, and returns the code. */
async function invite(username: string): Promise<string> {
  const post = (path: string, body: object, token = '') =>
    fetch(`${origin()}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    })
  const login = await post('/login', { username: 'root', password: 'a tree with many branches' })
  const { access_token: token } = (await login.json()) as { access_token: string }
  const invited = await post('/users', { username }, token)
  return ((await invited.json()) as { code: string }).code
}

describe('an invitation', () => {
  it.for([
    ['light', {}],
    ['dark', { colorScheme: 'dark' as const }],
    ['phone', PHONE],
  ] as const)(
    'leads to a login, by keyboard alone, in the %s view',
    async ([name, options], { open }) => {
      const username = `invited-${name}`
      const code = await invite(username)
      const { page, context } = await open({ ...options, bypassCSP: true })
      await page.goto(`${origin()}/#code=${code}`)
      await page.reload()
      await page.goto('about:blank')
      await page.goto(`${origin()}/#code=${code}`)
      const field = page.getByLabel('New password').first()
      await field.waitFor()
      expect(page.url()).toBe(`${origin()}/`)
      expect(await field.evaluate((input) => input === document.activeElement)).toBe(true)
      expect(await field.getAttribute('autocomplete')).toBe('new-password')
      await page.screenshot({
        path: `dist/screenshots/choose-password-${name}.png`,
        fullPage: true,
      })
      await page.keyboard.type('short')
      await page.keyboard.press('Enter')
      await page.locator('#choose-form').getByText('At least 15 characters.').waitFor()
      expect(await findViolations(page)).toEqual([])
      await field.fill('a cat in a rocket, purring')
      await page.keyboard.press('Enter')
      await page.getByText(`The password of ${username} is set.`).waitFor()
      await page.screenshot({
        path: `dist/screenshots/password-chosen-${name}.png`,
        fullPage: true,
      })
      expect(await findViolations(page)).toEqual([])
      await page.keyboard.type('a cat in a rocket, purring')
      await page.keyboard.press('Enter')
      await page.getByText('You are logged in as').waitFor()
      expect(await page.locator('#exchanges').textContent()).not.toContain(code)
      await context.close()
    },
  )

  it('that was used says so', async ({ open }) => {
    const code = await invite('invited-twice')
    const use = () =>
      fetch(`${origin()}/reset-password`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ code, new_password: 'a cat in a rocket, purring' }),
      })
    expect((await use()).status).toBe(200)
    const { page } = await open()
    await page.goto('about:blank')
    await page.goto(`${origin()}/#code=${code}`)
    await page.getByLabel('New password').first().fill('another cat in a rocket')
    await page.keyboard.press('Enter')
    await page.getByText('This link has been used, has expired or was replaced.').waitFor()
    await logInOnPage(page, COSMO)
  })
})
