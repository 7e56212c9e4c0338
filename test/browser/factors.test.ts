// The second factor in the page: enrolment, codes at login, recovery codes.

import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'

import type { Locator, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject } from 'vitest'

import {
  callGuarded,
  clickAndWait,
  findViolations,
  foreignPages,
  it,
  logInOnPage,
  openPage,
  origin,
  type Profile,
} from './browser.ts'
import { serve } from './setup.ts'

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
const PASSWORD = 'a clock with two hands'

/** Invites a user of this test, who chooses a password. */
async function createUser(username: string): Promise<{ username: string; password: string }> {
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
function computeCode(key: string, steps = 0): string {
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
async function enrol(page: Page): Promise<{ key: string; codes: string[] }> {
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

const readFocus = (page: Page) => page.evaluate(() => document.activeElement?.id)

async function logOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Log out', exact: true }).click()
  await page.getByRole('alert').waitFor()
}

async function sendPassword(page: Page, username: string): Promise<void> {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByLabel('One-time code').waitFor()
}

describe('a second factor', () => {
  it.for([
    ['light', {}],
    ['dark', { colorScheme: 'dark' as const }],
    ['phone', PHONE],
  ] as const)(
    'is enrolled, asked for at login and removed, in the %s view',
    async ([name, options], { open }) => {
      const user = await createUser(`factor-${name}`)
      const { page } = await open({ ...options, bypassCSP: true })
      await logInOnPage(page, user)
      expect(await page.locator('#factors').innerText()).toContain('You have none yet.')
      await page.getByRole('button', { name: 'Add an authenticator app' }).click()
      const qr = page.locator('#enrol-qr')
      await expect.poll(() => qr.evaluate((canvas) => canvas.clientHeight)).toBeGreaterThan(100)
      await expect.poll(() => qr.getAttribute('width')).not.toBe('0')
      await qr.evaluate(() => new Promise(requestAnimationFrame))
      expect(await qr.evaluate(countDark)).toBeGreaterThan(300)
      await page.locator('#factors').screenshot({ path: `dist/screenshots/enrol-${name}.png` })
      await page.getByLabel('Code of the app').fill('000000')
      await page.keyboard.press('Enter')
      await page.locator('#enrol-otp[aria-invalid=true]').waitFor()
      expect(await findViolations(page)).toEqual([])
      const { key, codes } = await enrol(page)
      expect(codes).toHaveLength(10)
      await page.getByText('Recovery codes left: 10 of 10.').waitFor()
      await page.locator('#factors').screenshot({ path: `dist/screenshots/codes-${name}.png` })
      expect(await findViolations(page)).toEqual([])
      const exchanges = await page.locator('#exchanges').textContent()
      for (const secret of [key, ...codes]) expect(exchanges).not.toContain(secret)
      await page.getByRole('button', { name: 'I have saved them' }).click()
      expect(await page.content()).not.toContain(codes[0])
      await logOut(page)

      await sendPassword(page, user.username)
      await page.locator('#login').getByText('One-time code required.').waitFor()
      const field = page.getByLabel('One-time code')
      expect(await field.evaluate((input) => input === document.activeElement)).toBe(true)
      expect(await field.getAttribute('autocomplete')).toBe('one-time-code')
      expect(await field.getAttribute('inputmode')).toBe('numeric')
      await page.screenshot({ path: `dist/screenshots/code-${name}.png` })
      expect(await findViolations(page)).toEqual([])
      await page.keyboard.type('000000')
      await page.keyboard.press('Enter')
      await page.locator('#login').getByText('Bad one-time code.').waitFor()
      await field.fill(computeCode(key))
      await page.keyboard.press('Enter')
      await page.getByText(`You are logged in as ${user.username}.`).waitFor()
      await page.getByRole('button', { name: /^Remove Authenticator app/ }).click()
      await page.getByText('You have none yet.').waitFor()
      await logOut(page)
      await logInOnPage(page, user)
    },
  )

  it('that is lost is replaced by recovery codes, and the page warns when two are left', async ({
    open,
  }) => {
    const user = await createUser('factor-lost')
    const { page } = await open()
    await logInOnPage(page, user)
    const { codes } = await enrol(page)
    for (const [used, code] of codes.slice(0, 8).entries()) {
      await logOut(page)
      await sendPassword(page, user.username)
      await page.getByRole('button', { name: 'Use a recovery code' }).click()
      expect(await page.getByLabel('One-time code').getAttribute('inputmode')).toBe('text')
      await page.keyboard.type(code.toUpperCase())
      await page.keyboard.press('Enter')
      await page.getByText(`You are logged in as ${user.username}.`).waitFor()
      await page.getByText(`Recovery codes left: ${9 - used} of 10.`).waitFor()
    }
    const warning = page.getByRole('alert').getByText('Recovery codes left: 2. Create new ones')
    await warning.waitFor()
    await clickAndWait(page, 'Create new recovery codes')
    await page.getByText('Recovery codes left: 10 of 10.').waitFor()
    expect(await page.locator('#codes-list').innerText()).not.toContain(codes[9])
    expect(await page.locator('#codes').innerText()).toContain('Earlier ones no longer work.')
    expect(await warning.isVisible()).toBe(false)
  })

  it('that is removed takes the warning of few recovery codes with it', async ({ open }) => {
    const { page, context } = await open()
    await logInOnPage(page, await createUser('factor-few'))
    await enrol(page)
    await context.route('**/me/recovery-codes', (route) =>
      route.fulfill({ json: { remaining: 1, total: 10 } }),
    )
    await page.reload()
    const warning = page.getByRole('alert').getByText('Recovery codes left: 1. Create new ones')
    await warning.waitFor()
    await page.locator('#codes-left.warn').getByText('Recovery codes left: 1 of 10.').waitFor()
    await page.getByRole('button', { name: /^Remove Authenticator app/ }).click()
    await page.getByText('You have none yet.').waitFor()
    expect(await warning.isVisible()).toBe(false)
    expect(await page.locator('#codes-left').innerText()).toBe('')
  })
})

describe('an enrolment', () => {
  const WRONG = '000000'
  /** Logs a new user in and begins to enrol. */
  const begin = async (page: Page, username: string) => {
    await logInOnPage(page, await createUser(username))
    await add(page)
  }
  const add = async (page: Page) => {
    await page.getByRole('button', { name: 'Add an authenticator app' }).press('Enter')
    await expect.poll(() => readFocus(page)).toBe('enrol-otp')
    return page.locator('#enrol-secret').innerText()
  }
  const sendWrongCode = async (page: Page) => {
    await page.keyboard.type(WRONG)
    await page.keyboard.press('Enter')
    await page.locator('#enrol-otp[aria-invalid=true]').waitFor()
    await page.locator('#enrol').getByText('400 Bad Request').waitFor()
  }
  const expectNoErrors = async (page: Page) => {
    expect(await page.locator('#enrol-otp').getAttribute('aria-invalid')).toBe('false')
    expect(await page.locator('#enrol-otp-error').innerText()).toContain('The 6 digits')
    expect(await page.locator('#enrol [role=status]').innerText()).toBe('')
  }

  it.for([
    ['a laptop', { viewport: { width: 1280, height: 800 } }],
    ['a phone', PHONE],
  ] as const)(
    'fits on the screen of %s, from the QR code to the buttons, also with an error',
    async ([name, options], { open }) => {
      const { page } = await open(options)
      await begin(page, `enrol-on-${name.split(' ')[1]}`)
      for (const shown of ['before', 'after'] as const) {
        if (shown === 'after') await sendWrongCode(page)
        const qr = await page.locator('#enrol-qr').boundingBox()
        const button = await page.getByRole('button', { name: 'Confirm' }).boundingBox()
        expect(qr?.y).toBeGreaterThanOrEqual(0)
        const bottom = (button?.y ?? Infinity) + (button?.height ?? 0)
        expect(bottom).toBeLessThanOrEqual(options.viewport.height)
      }
    },
  )

  it('without a QR code tells the user to type the key', async ({ open }) => {
    const { page, context, problems } = await open()
    await context.route('**/lean-qr.js', (route) => route.abort())
    await begin(page, 'enrol-without-qr')
    await page.getByText('No QR code: type the key.').waitFor()
    expect(await page.locator('#enrol-qr').isVisible()).toBe(false)
    expect(problems.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')])
    await context.unroute('**/lean-qr.js')
    await page.reload()
    await add(page)
    await page.locator('#enrol-qr').waitFor()
    expect(await page.getByText('No QR code').isVisible()).toBe(false)
  })

  it('keeps its key when its button is pressed again, so that the app that has it stays usable', async ({
    open,
  }) => {
    const { page } = await open()
    await begin(page, 'enrol-twice')
    const key = await page.locator('#enrol-secret').innerText()
    expect(await add(page)).toBe(key)
  })

  it('that is cancelled forgets its key and its error, and moves the focus to the heading', async ({
    open,
  }) => {
    const { page } = await open()
    await begin(page, 'enrol-cancelled')
    const key = await page.locator('#enrol-secret').innerText()
    await sendWrongCode(page)
    await page.getByRole('button', { name: 'Cancel' }).press('Enter')
    expect(await page.locator('#enrol').isVisible()).toBe(false)
    expect(await readFocus(page)).toBe('factors-title')
    const content = await page.content()
    for (const secret of [key, key.replaceAll(' ', '')]) expect(content).not.toContain(secret)
    expect(await add(page)).not.toBe(key)
    await expectNoErrors(page)
  })

  it('does not show its error to the next user', async ({ open }) => {
    const { page } = await open()
    await begin(page, 'enrol-left')
    await sendWrongCode(page)
    await logOut(page)
    await begin(page, 'enrol-next')
    await expectNoErrors(page)
  })

  it('that is locked out says so again after it was cancelled', async ({ open }) => {
    const { page, context } = await open()
    await begin(page, 'enrol-locked')
    await context.route('**/verify', (route) =>
      route.fulfill({ status: 429, headers: { 'Retry-After': '60' }, json: {} }),
    )
    await page.keyboard.press('Enter')
    const lockout = page.locator('#enrol').getByText('Too many attempts from here.')
    await lockout.waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await add(page)
    await lockout.waitFor()
  })

  it('offers its key as a link for an app on the same device, and to copy', async ({ open }) => {
    const { page } = await open({ permissions: ['clipboard-read', 'clipboard-write'] })
    await begin(page, 'enrol-link')
    const key = await page.locator('#enrol-secret').innerText()
    const href = (await page.locator('#enrol-secret').getAttribute('href')) ?? ''
    expect(href).toMatch(/^otpauth:\/\/totp\//)
    expect(new URL(href).searchParams.get('secret')).toBe(key.replaceAll(' ', ''))
    await page.getByRole('button', { name: 'Copy the key' }).click()
    await page.getByText('Copied').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key)
    const [instruction] = (
      (await page.locator('#enrol-otp').getAttribute('aria-describedby')) ?? ''
    ).split(' ')
    expect(await page.locator(`#${instruction}`).innerText()).toContain('Scan this with your app')
  })

  it('whose confirmation got no response is listed after another attempt, and the page says what to do', async ({
    open,
  }) => {
    const { page, context, problems } = await open()
    await begin(page, 'enrol-lost')
    const key = (await page.locator('#enrol-secret').innerText()).replaceAll(' ', '')
    await context.route('**/verify', async (route) => {
      await route.fetch()
      await route.abort()
    })
    await page.keyboard.type(computeCode(key, -1))
    await page.keyboard.press('Enter')
    await page.locator('#enrol').getByText('The API does not respond.').waitFor()
    expect(problems.splice(0)).toEqual([expect.stringContaining('ERR_FAILED')])
    await context.unroute('**/verify')
    await page.keyboard.press('Enter')
    await page.getByText('This enrolment was finished or replaced.').waitFor()
    await page.getByRole('button', { name: /^Remove Authenticator app/ }).waitFor()
    expect(await page.locator('#enrol').isVisible()).toBe(false)
    expect(await readFocus(page)).toBe('factors-title')
    await clickAndWait(page, 'Create new recovery codes')
    await page.getByRole('heading', { name: 'Save your recovery codes' }).waitFor()
  })

  it('is shown in the activity and in another tab, where the focus stays on its button', async ({
    open,
  }) => {
    const { page, context } = await open()
    await logInOnPage(page, await createUser('enrol-tabs'))
    const other = await openPage(context)
    await other.locator('#factors').getByText('You have none yet.').waitFor()
    await enrol(page)
    await page.locator('#activity').getByText('Second factor added').waitFor()
    const remove = other.getByRole('button', { name: /^Remove Authenticator app/ })
    await other.getByText('Recovery codes left: 10 of 10.').waitFor()
    await remove.focus()
    const loaded = other.waitForResponse('**/me/recovery-codes')
    await page.getByRole('button', { name: 'Refresh now' }).click()
    await loaded
    expect(await remove.evaluate((button) => button === document.activeElement)).toBe(true)
  })
})

describe('a second factor that MFA requires of everyone', () => {
  let server: Awaited<ReturnType<typeof serve>> | undefined
  beforeAll(async () => {
    if (inject('chromium'))
      server = await serve((settings) => settings.replace('MFA = "optional"', 'MFA = "all"'))
  }, 120_000)
  afterAll(() => server?.stop())

  it('is asked for by name, and its enrolment replaces the errors', async ({ open }) => {
    const { page } = await open()
    foreignPages.add(page) // its expected 4xx come from another origin
    await page.goto(server?.url ?? '')
    await page.getByRole('button', { name: 'Use cosmo, the demo user' }).click()
    const advice = 'Add an authenticator app under “Second factor” first.'
    for (const part of ['#sessions-result', '#activity-result'])
      await page.locator(part).getByText(advice).waitFor()
    expect(await callGuarded(page, 'with the token')).toContain(advice)
    await enrol(page)
    await page.locator('#activity-list').getByText('Second factor added').waitFor()
    await page.locator('#sessions li').first().waitFor()
    expect(await page.locator('#sessions-result, #activity-result').allInnerTexts()).toEqual([
      '',
      '',
    ])
    expect(await callGuarded(page, 'with the token')).toContain('200 OK')
    await page.goto('about:blank')
  })
})

describe('recovery codes', () => {
  it('are downloaded with the name of their user, and not as a URL that the history would keep', async ({
    open,
  }) => {
    const { page } = await open()
    await logInOnPage(page, await createUser('codes-saved'))
    const { codes } = await enrol(page)
    const link = page.getByRole('link', { name: 'Download' })
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()])
    expect(download.suggestedFilename()).toBe('recovery-codes.txt')
    expect(download.url()).toMatch(/^blob:/)
    const [title, ...others] = readFileSync(await download.path(), 'utf8').split('\n')
    expect(title).toMatch(`Recovery codes of codes-saved for ${origin}, `)
    expect(others).toEqual(['', ...codes, ''])
    await page.getByRole('button', { name: 'I have saved them' }).press('Enter')
    expect(await page.locator('#codes-download').getAttribute('href')).toBe(null)
    expect(await readFocus(page)).toBe('factors-title')
  })

  it('cannot be replaced before the user has saved them', async ({ open }) => {
    const { page } = await open()
    await logInOnPage(page, await createUser('codes-unsaved'))
    await enrol(page)
    await page.getByText('Recovery codes left: 10 of 10.').waitFor()
    const replace = page.getByRole('button', { name: 'Create new recovery codes' })
    expect(await replace.isVisible()).toBe(false)
    await page.getByRole('button', { name: 'I have saved them' }).click()
    await replace.waitFor()
  })

  it('have a download link that is at least as high as a button', async ({ open }) => {
    const { page } = await open()
    await logInOnPage(page, await createUser('codes-height'))
    await enrol(page)
    const controls = page.locator('#codes :is(a, button)')
    const heights = await controls.evaluateAll((all) => all.map((one) => one.clientHeight))
    expect(heights).toHaveLength(3)
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(38)
  })
})

describe('the field for a code at login', () => {
  /** Enrols a new user, logs out, and sends the password again. */
  const askForCode = async ({ page }: Profile, username: string) => {
    await logInOnPage(page, await createUser(username))
    const { codes } = await enrol(page)
    await logOut(page)
    await sendPassword(page, username)
    return { codes, field: page.getByLabel('One-time code') }
  }
  const isFocused = (field: Locator) => field.evaluate((input) => input === document.activeElement)

  it('keeps its code and the focus after a failure that is not about the code', async ({
    open,
  }) => {
    const profile = await open()
    const { page, context, problems } = profile
    const { field } = await askForCode(profile, 'code-kept')
    await field.fill('123456')
    const respond = (status: number, code: string) => (route: Route) =>
      route.fulfill({ status, headers: { 'X-Error-Code': code, 'Retry-After': '1' }, json: {} })
    for (const [handle, words] of [
      [(route: Route) => route.abort('connectionrefused'), 'The API does not respond.'],
      [respond(503, 'busy'), 'temporarily unavailable'],
      [respond(401, 'bad_credentials'), 'The API rejected this.'],
      [respond(429, 'too_many_attempts'), 'Too many attempts'],
    ] as const) {
      await context.route('**/login', handle)
      await page.keyboard.press('Enter')
      await page.locator('#login').getByText(words).waitFor()
      expect(await field.inputValue()).toBe('123456')
      expect(await isFocused(field)).toBe(true)
      await context.unroute('**/login')
    }
    expect(problems.splice(0)).toEqual([
      expect.stringContaining('ERR_CONNECTION_REFUSED'),
      expect.stringContaining('a status of 503'),
    ])
  })

  it('disappears with its code when another name is typed, so that no code is sent for another user', async ({
    open,
  }) => {
    const profile = await open()
    const { page } = profile
    const { field } = await askForCode(profile, 'code-of-another')
    await field.fill('123456')
    await logInOnPage(page)
    expect(await page.locator('#exchanges details[open]').innerText()).not.toContain('"otp"')
    await logOut(page)
    expect(await field.isVisible()).toBe(false)
  })

  it('is marked after a wrong code, and says that a code works once', async ({ open }) => {
    const profile = await open()
    const { page } = profile
    const { field } = await askForCode(profile, 'code-wrong')
    expect(await field.getAttribute('aria-invalid')).toBe('false')
    await field.fill('000000')
    await page.keyboard.press('Enter')
    await page.locator('#login').getByText('Bad one-time code.').waitFor()
    await page.locator('#otp[aria-invalid=true]').waitFor()
    expect(await isFocused(field)).toBe(true)
    const hint = 'or a recovery code. Each works once: wait for the next one.'
    expect(await page.locator('#otp-error').innerText()).toContain(hint)
  })

  it('brings up the keyboard for digits again after a login with a recovery code', async ({
    open,
  }) => {
    const profile = await open()
    const { page } = profile
    const { codes, field } = await askForCode(profile, 'code-letters')
    await page.getByRole('button', { name: 'Use a recovery code' }).click()
    await page.keyboard.type('wrong')
    await page.keyboard.press('Enter')
    await page.locator('#login').getByText('Bad one-time code.').waitFor()
    expect(await field.getAttribute('inputmode')).toBe('text')
    await field.fill(codes[0] ?? '')
    await page.keyboard.press('Enter')
    await page.getByText('You are logged in as code-letters.').waitFor()
    await logOut(page)
    await sendPassword(page, 'code-letters')
    expect(await field.getAttribute('inputmode')).toBe('numeric')
  })
})

/** Returns how many modules of a QR code are dark. */
function countDark(canvas: Element): number {
  if (!(canvas instanceof HTMLCanvasElement) || canvas.width === 0) return 0
  const context = canvas.getContext('2d')
  const pixels = context?.getImageData(0, 0, canvas.width, canvas.height).data ?? []
  return [...pixels].filter((value, index) => index % 4 === 3 && value > 0).length
}
