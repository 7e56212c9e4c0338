import { expect } from 'vitest'

import { it, origin } from './browser.ts'

it('/docs shows every route of the description, from files of its own', async ({ open }) => {
  const { page } = await open()
  const elsewhere: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:'))
      elsewhere.push(request.url())
  })
  await page.goto(`${origin}/docs`)
  await page.locator('.opblock').first().waitFor()
  const description = await (await page.request.get(`${origin}/openapi.json`)).json()
  const described = Object.values<object>(description.paths).flatMap((path) => Object.keys(path))
  expect(await page.locator('.opblock').count()).toBe(described.length)
  await page.locator('.opblock-summary').first().click()
  await page.locator('.opblock-body').first().waitFor()
  await page.screenshot({ path: 'dist/screenshots/docs.png' })
  expect(elsewhere).toEqual([])
  await page.goto(`${origin}/`)
})
