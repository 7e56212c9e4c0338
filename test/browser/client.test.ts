// The typed client in another project's page, as `npm run client` writes it: without a build.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect } from 'vitest'

import { it } from './browser.ts'

const APP = 'https://app.test'
const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'))

const PAGE = `<!doctype html>
<script type="importmap">{ "imports": { "hono/client": "/hono/client/index.js" } }</script>
<script type="module">
  import { createClient } from '/client/client.js'
  const { api } = createClient('/', { cookie: false })
  document.title = (await (await api.protected.$get()).json()).message
</script>`

function respond(path: string): { contentType: string; body: string } {
  if (path === '/') return { contentType: 'text/html', body: PAGE }
  if (path === '/protected')
    return { contentType: 'application/json', body: '{"message":"You are authenticated"}' }
  const [, root, ...rest] = path.split('/')
  const file = join(root === 'hono' ? 'node_modules/hono/dist' : folder, ...rest)
  return { contentType: 'text/javascript', body: readFileSync(file, 'utf8') }
}

it('the client that npm run client writes runs in a browser without a build', async ({ open }) => {
  expect(spawnSync(process.execPath, ['src/cli/client.ts', folder]).status).toBe(0)
  const { context } = await open()
  await context.route(`${APP}/**`, (route) =>
    route.fulfill(respond(new URL(route.request().url()).pathname)),
  )
  const page = await context.newPage()
  await page.goto(`${APP}/`)
  await expect.poll(() => page.title()).toBe('You are authenticated')
  await page.close()
})
