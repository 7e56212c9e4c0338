// The page shows the lesson at a glance, step by step, up to an endpoint of the reader's own.

import { execFileSync } from 'node:child_process'

import type { Page } from 'playwright-core'
import { describe, expect } from 'vitest'

import {
  callGuarded,
  clickAndWait,
  it,
  logInOnPage,
  origin,
  readBackground,
  readExchanges,
} from './browser.ts'

const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] }
const readClipboard = (page: Page) => page.evaluate(() => navigator.clipboard.readText())

/** Returns the parts of the strip that are lit. */
async function readStrip(page: Page): Promise<string[]> {
  const parts = await page.locator('.lesson li').evaluateAll((all) => {
    const probe = document.body.appendChild(document.createElement('i'))
    probe.className = 'lead'
    const faint = getComputedStyle(probe).color
    probe.remove()
    return all.flatMap((part) => {
      const isLit = getComputedStyle(part).color !== faint
      return isLit ? (part.textContent ?? '').replaceAll(/\s+/g, ' ').trim() : []
    })
  })
  return parts
}

describe('the strip above everything', () => {
  it('shows the lesson before anything is pressed, and lights up with each step', async ({
    open,
  }) => {
    const { page } = await open()
    const strip = page.locator('.lesson')
    expect(await strip.evaluate((shown) => shown.getBoundingClientRect().bottom)).toBeLessThan(200)
    expect(await strip.locator('li').allInnerTexts()).toEqual([
      'no token\n→\n401',
      'log in\n→\ntoken',
      'with the token\n→\n200',
    ])
    expect(await readStrip(page)).toEqual([])
    await callGuarded(page, 'without a token')
    expect(await readStrip(page)).toEqual(['no token → 401'])
    await logInOnPage(page)
    expect(await readStrip(page)).toEqual(['no token → 401', 'log in → token'])
    await callGuarded(page, 'with the token')
    expect(await readStrip(page)).toHaveLength(3)
    await page.getByRole('button', { name: 'Log out', exact: true }).click()
    await page.getByRole('alert').waitFor()
    expect(await readStrip(page)).toEqual(['no token → 401'])
  })
})

describe('the list of requests', () => {
  it('folds away what nobody asked for, and says that there was no earlier login', async ({
    open,
  }) => {
    const { page } = await open()
    expect(await readExchanges(page)).toEqual([])
    expect(await page.locator('#exchanges details[open]').count()).toBe(0)
    const group = page.locator('#exchanges .background')
    expect(await group.innerText()).toBe('In the background: no earlier login, sign-up')
    await group.locator('summary').first().click()
    await group.locator('summary code', { hasText: 'POST /refresh' }).click()
    expect(await group.innerText()).toContain('Missing Authorization Header')
    expect(await page.getByText('Press a button').isVisible()).toBe(true)
  })

  it('opens the login with its token after a login, not a request of the page itself', async ({
    open,
  }) => {
    const { page } = await open()
    await logInOnPage(page)
    const opened = page.locator('#exchanges details[open]')
    expect(await opened.count()).toBe(1)
    expect(await opened.innerText()).toMatch(/^POST \/login\s+200 OK/)
    expect(await opened.innerText()).toContain('"access_token": "eyJ')
    expect(await readBackground(page)).toContain('GET /sessions 200 OK')
    await clickAndWait(page, 'Refresh now')
    expect((await readExchanges(page))[0]).toBe('POST /refresh 200 OK')
  })

  it('copies each request as a curl command that works, and has no password', async ({ open }) => {
    const { page } = await open(CLIPBOARD)
    await logInOnPage(page)
    await page.getByRole('button', { name: 'Copy as curl' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    const login = await readClipboard(page)
    expect(login).toBe(
      `curl -i '${origin}/login' --json '{"username":"cosmo","password":"••••••••","cookie":true}'`,
    )
    await callGuarded(page, 'with the token')
    await page.getByRole('button', { name: 'Copy as curl' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    const command = await readClipboard(page)
    expect(command).toMatch(/^curl -i 'http\S+\/protected' -H 'authorization: Bearer eyJ[^']+'$/)
    const output = execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: 'pipe' })
    expect(output).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(output).toContain('"This is a protected route, and you are authenticated!"')
  })

  it('says so when the browser does not let it copy', async ({ open }) => {
    const { page } = await open({ permissions: [] })
    await logInOnPage(page)
    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new Error('denied'))
    })
    await page.getByRole('button', { name: 'Copy token' }).click()
    await page.getByRole('button', { name: 'Not copied' }).waitFor()
  })
})

it('the token is copied whole, so that it works elsewhere', async ({ open }) => {
  const { page } = await open(CLIPBOARD)
  await logInOnPage(page)
  await page.getByRole('button', { name: 'Copy token' }).press('Enter')
  await page.getByRole('button', { name: 'Copied' }).waitFor()
  const headers = { Authorization: `Bearer ${await readClipboard(page)}` }
  expect((await fetch(`${origin}/protected`, { headers })).status).toBe(200)
  await page.getByRole('button', { name: 'Copy token' }).waitFor()
})

describe('a changed token', () => {
  it('is rejected after one character was changed, by the page or by hand', async ({ open }) => {
    const { page } = await open()
    const result = page.locator('#call-with-changed-result')
    await logInOnPage(page)
    const token = await page.getByLabel('Token to change').inputValue()
    await clickAndWait(page, 'Send a changed token')
    expect(await result.innerText()).toMatch(
      /^401 Unauthorized Signature verification failed\. Character \d+ was “.”, now “[AB]”\.$/,
    )
    const changed = await page.getByLabel('Token to change').inputValue()
    const places = [...token].filter((char, index) => char !== changed[index])
    expect([changed.length, places.length]).toEqual([token.length, 1])

    await clickAndWait(page, 'Refresh now')
    const field = page.getByLabel('Token to change')
    await field.press('Control+Home')
    for (let presses = 0; presses < token.indexOf('.') + 5; presses += 1)
      await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Delete')
    await page.keyboard.type('_')
    await clickAndWait(page, 'Send a changed token')
    expect(await result.innerText()).toContain('Signature verification failed.')
    expect(await callGuarded(page, 'with the token')).toContain('200 OK')

    await field.fill('')
    await clickAndWait(page, 'Send a changed token')
    expect(await result.innerText()).toMatch(/now “[AB]”\.$/)
    await page.reload()
    await page.locator('#call-with-changed:enabled').waitFor()
    await field.fill((await field.inputValue()).slice(0, -1))
    await clickAndWait(page, 'Send a changed token')
    expect(await result.innerText()).toMatch(/Character \d+ was “.”, now “”\.$/)
  })
})

describe('the last step', () => {
  it('appears after three ticks, and shows whether an endpoint of the reader is guarded', async ({
    open,
  }) => {
    const { page } = await open(CLIPBOARD)
    const step = page.locator('#step-own')
    await callGuarded(page, 'without a token')
    await logInOnPage(page)
    expect(await step.isVisible()).toBe(false)
    await callGuarded(page, 'with the token')
    expect(await step.isVisible()).toBe(true)
    expect(await step.innerText()).toContain('src/routes/protected.ts')
    expect(await step.locator('pre').innerText()).toMatch(/^(.+\n){2}.+$/)
    expect(await step.getByRole('link').getAttribute('href')).toBe('/docs')
    await page.getByRole('button', { name: 'Copy the line' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await readClipboard(page)).toBe(
      "  .get('/hello', (c) => c.json({ hello: c.var.user.sub }))",
    )

    const result = page.locator('#own-result')
    await page.getByLabel('Its path').press('Enter')
    await result.getByText('Save the file first').waitFor()
    expect(await result.innerText()).toContain('404 Not Found without, 404 Not Found with')
    await page.getByLabel('Its path').fill('health')
    await page.keyboard.press('Enter')
    await result.getByText('It is not guarded').waitFor()
    await page.getByLabel('Its path').fill('/me')
    await page.keyboard.press('Enter')
    await result.getByText('401 Unauthorized without, 200 OK with the token.').waitFor()
    expect(await step.getAttribute('class')).toBe('done')
    // What is not an endpoint of the reader is not sent.
    for (const path of ['', '/', 'protected', '/protected', '/secure-data']) {
      await page.getByLabel('Its path').fill(path)
      expect(await page.locator('#own-path:invalid').count()).toBe(1)
    }
    await page.reload()
    await step.waitFor()
  })
})
