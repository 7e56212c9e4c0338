import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { describe, expect, it } from 'vitest'

import { toUrl, waitUntilReady } from '../../../src/cli/deploy/readiness.ts'

/** Serves the responses one after the other, then repeats the last. */
async function serve(...responses: [status: number, body: object][]) {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const [status, body] = responses[Math.min(asked.push(request.url), responses.length) - 1] ?? [
      500,
      {},
    ]
    response.writeHead(status).end(JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, asked, close: () => server.close() }
}

describe('waitUntilReady', () => {
  it('polls until the Worker is ready', async () => {
    const unready = { error: 'Not ready: database' }
    const { url, asked, close } = await serve([404, {}], [503, unready], [200, { status: 'ready' }])
    await expect(waitUntilReady(url, 30)).resolves.toBeUndefined()
    close()
    expect(asked).toEqual(['/ready', '/ready', '/ready'])
  })

  it.each([
    [503, { error: 'Not ready: database' }, '503 {"error":"Not ready: database"}'],
    [302, {}, '302'],
  ])('fails with the response when its status stays %i', async (status, body, message) => {
    const { url, close } = await serve([status, body])
    await expect(waitUntilReady(url, 0)).rejects.toThrow(`${url}/ready responds: ${message}`)
    close()
  })

  it('fails when nothing responds', async () => {
    await expect(waitUntilReady('http://127.0.0.1:1', 0)).rejects.toThrow('no response')
  })
})

it.each([
  [
    ['https://latchkey.ada.workers.dev', 'schedule: 17 * * * *'],
    'https://latchkey.ada.workers.dev',
  ],
  [['login.example.com (custom domain)'], 'https://login.example.com'],
  [['example.com/* (zone name: example.com)'], 'https://example.com'],
  [['example.com/login (zone name: example.com)'], undefined],
  [['*.example.com/* (zone name: example.com)'], undefined],
  [['schedule: 17 * * * *'], undefined],
])('of the targets %j, toUrl chooses %s', (targets, url) => {
  expect(toUrl(targets)).toBe(url)
})
