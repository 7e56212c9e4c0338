// Creates users with a second factor, and shows its codes as an app does.

import { createHmac } from 'node:crypto'

import type { Page } from 'playwright-core'
import { expect } from 'vitest'

import { origin } from './browser.ts'

export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const PASSWORD = 'a clock with two hands'

/** Invites a user of this test, who chooses a password. */
export async function createUser(
  username: string,
): Promise<{ username: string; password: string }> {
  const post = async (path: string, body: object, token = '') => {
    const response = await fetch(`${origin}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    })
    return (await response.json()) as { access_token: string }
  }
  const admin = { username: 'root', password: 'a tree with many branches' }
  const { access_token: token } = await post('/login', admin)
  await post('/users', { username, password: PASSWORD }, token)
  return { username, password: PASSWORD }
}

/** Returns the code of RFC 6238 that an app with this key shows, `steps` of 30 seconds from now. */
export function computeCode(key: string, steps = 0): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...key].map((char) => alphabet.indexOf(char).toString(2).padStart(5, '0')).join('')
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const mac = createHmac('sha1', Buffer.from(bytes)).update(counter).digest()
  const offset = (mac.at(-1) ?? 0) & 15
  return String((mac.readUInt32BE(offset) & 0x7f_ff_ff_ff) % 1_000_000).padStart(6, '0')
}

/** Enrols with the page's buttons. Returns the key of the app and the recovery codes. */
export async function enrol(page: Page): Promise<{ key: string; codes: string[] }> {
  await page.getByRole('button', { name: 'Add an authenticator app' }).click()
  await page.getByLabel('Code of the app').waitFor()
  await expect.poll(() => readFocus(page)).toBe('enrol-otp')
  const key = (await page.locator('#enrol-secret').innerText()).replaceAll(' ', '')
  await page.keyboard.type(computeCode(key, -1))
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Save your recovery codes' }).waitFor()
  const codes = (await page.locator('#codes-list').innerText()).split('\n')
  return { key, codes }
}

export const readFocus = (page: Page) => page.evaluate(() => document.activeElement?.id)

export async function logOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await page.getByRole('alert').waitFor()
}

export async function sendPassword(page: Page, username: string): Promise<void> {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByLabel('One-time code').waitFor()
}
