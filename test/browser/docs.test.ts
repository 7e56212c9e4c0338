import { expect } from 'vitest'

import { it, origin } from './browser.ts'

it('/docs shows every route of openapi.json and loads nothing from other servers', async ({
  open,
}) => {
  const { page } = await open()
  const externalUrls: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:'))
      externalUrls.push(request.url())
  })
  await page.goto(`${origin}/docs`)
  await page.locator('.opblock').first().waitFor()
  const openapi = await (await page.request.get(`${origin}/openapi.json`)).json()
  const operations = Object.values<object>(openapi.paths).flatMap((path) => Object.keys(path))
  expect(await page.locator('.opblock').count()).toBe(operations.length)
  await page.locator('.opblock-summary').first().click()
  await page.locator('.opblock-body').first().waitFor()
  await page.screenshot({ path: 'dist/screenshots/docs.png' })
  expect(externalUrls).toEqual([])
  await page.goto(`${origin}/`)
})
