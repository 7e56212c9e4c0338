// The form for a new account, which a page shows only where SIGNUP is open.

import { afterAll, beforeAll, expect, inject } from 'vitest'

import { callGuarded, findViolations, foreignPages, it } from './browser.ts'
import { serve } from './setup.ts'

let server: Awaited<ReturnType<typeof serve>> | undefined
beforeAll(async () => {
  if (inject('chromium'))
    server = await serve((settings) => settings.replace('SIGNUP = "closed"', 'SIGNUP = "open"'))
}, 120_000) // a server of its own, on a busy machine
afterAll(() => server?.stop())

it('a visitor creates an account by keyboard alone where SIGNUP is open, and is logged in', async ({
  open,
}) => {
  const { page } = await open({ bypassCSP: true })
  expect(await page.getByRole('button', { name: 'Create an account' }).isVisible()).toBe(false)
  foreignPages.add(page) // its expected 4xx come from another origin
  await page.goto(server?.url ?? '')
  await page.getByRole('button', { name: 'Create an account' }).press('Enter')
  await page.getByRole('heading', { name: 'Create an account' }).waitFor()
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('new-username')
  await page.keyboard.type('grace')
  await page.keyboard.press('Tab')
  await page.keyboard.type('short')
  await page.keyboard.press('Enter')
  await page.locator('#first_password[aria-invalid=true]').waitFor()
  expect(await page.locator('#first_password-error').innerText()).toBe('At least 15 characters.')
  await page.screenshot({ path: 'dist/screenshots/sign-up.png' })
  expect(await findViolations(page)).toEqual([])
  await page.locator('#first_password').fill('a moth in the relay')
  await page.keyboard.press('Enter')
  await page.getByText('You are logged in as grace.').waitFor()
  expect(await page.getByRole('heading', { name: 'Create an account' }).isVisible()).toBe(false)
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('call-with-token')
  expect(await callGuarded(page, 'with the token')).toContain('200 OK')
  expect(await page.locator('#exchanges').textContent()).not.toContain('relay')
  await page.goto('about:blank')
})
