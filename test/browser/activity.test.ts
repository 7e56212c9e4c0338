// Recent activity in the page.

import { describe, expect } from 'vitest'

import { clickAndWait, findViolations, it, logInOnPage, origin } from './browser.ts'

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const PASSWORD = 'a diary with a lock'

const post = async (path: string, body: object, token = '') => {
  const response = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
  return (await response.json()) as Record<string, string>
}
const logInAsAdmin = async () =>
  (await post('/login', { username: 'root', password: 'a tree with many branches' })).access_token

describe('recent activity', () => {
  it.for([
    ['light', {}],
    ['dark', { colorScheme: 'dark' as const }],
    ['phone', PHONE],
  ] as const)(
    'tells a user in words what an admin did, and after a login what is new, in the %s view',
    async ([name, options], { open }) => {
      const user = { username: `diary-${name}`, password: PASSWORD }
      await post('/users', user, await logInAsAdmin())
      const { page } = await open({ ...options, bypassCSP: true })
      await logInOnPage(page, user)
      const list = page.locator('#activity-list')
      await list.getByText('Logged in, just now').waitFor()
      expect(await page.getByRole('alert').isVisible()).toBe(false)
      const { code } = await post(`/users/${user.username}/reset-code`, {}, await logInAsAdmin())
      const new_password = 'another diary with a lock'
      await post('/reset-password', { code, new_password })
      await page.getByRole('button', { name: 'Send with the token' }).click()
      await page.getByRole('alert').getByText('Your session was revoked.').waitFor()

      await logInOnPage(page, { ...user, password: new_password })
      const notice = page.getByRole('alert').getByText('Since your last login:')
      await notice.waitFor()
      expect(await notice.innerText()).toMatch(/Password reset with a code.*, just now/)
      expect(await notice.innerText()).toContain('Code to choose a password created by root')
      const alerts = await list.locator('.alert').allInnerTexts()
      expect(alerts.join('\n')).toContain('Password reset with a code')
      expect(alerts.join('\n')).not.toContain('Logged in')
      await page.locator('#activity').screenshot({ path: `dist/screenshots/activity-${name}.png` })
      expect(await findViolations(page)).toEqual([])
    },
  )

  it('shows earlier pages, and times relative to now', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page)
    const time = Math.floor(Date.now() / 1000)
    const entry = { id: '1', username: 'cosmo', by: 'cosmo', session: null, address: null }
    // Fake pages: a real event cannot be a day old.
    await context.route(/\/me\/events/, (route) => {
      const isFirst = !route.request().url().includes('after=')
      const first = { ...entry, event: 'login.succeeded', time: time - 300, country: 'DE' }
      const later = {
        ...entry,
        event: 'password.set',
        by: 'ada',
        time: time - 86_400,
        country: null,
      }
      const json = { events: [isFirst ? first : later], next: isFirst ? '1.000001' : null }
      return route.fulfill({ json })
    })
    await clickAndWait(page, 'Reload activity')
    await clickAndWait(page, 'Show earlier')
    const lines = await page.locator('#activity-list li').allInnerTexts()
    expect(lines).toEqual([
      'Logged in, 5 minutes ago, from Germany',
      expect.stringMatching(/^Password set by ada, yesterday at \d\d:\d\d$/),
    ])
  })
})
