import { appendFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { freePort, startDev } from './dev-server.ts'
import { createProject } from './project.ts'

const project = createProject()
const COSMO = { username: 'cosmo', password: 'space-corgi' }
const LOCAL = 'Local server updated and ready'

let port: number
let dev: Awaited<ReturnType<typeof startDev>>
let tokens: { access_token: string; refresh_token: string }

beforeAll(async () => {
  port = await freePort()
  dev = await startDev(project, port)
  const body = JSON.stringify(COSMO)
  tokens = await (await post('/login', body)).json()
}, 60_000)
afterAll(() => dev.stop())

const post = (path: string, body: BodyInit, init: RequestInit & { duplex?: 'half' } = {}) =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
    ...init,
  })

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Sends the head and the first bytes of a body, and leaves. */
async function breakOff(path: string, framing: 'announced' | 'chunked', bytes: number) {
  const part = 'x'.repeat(bytes)
  const [header, body] =
    framing === 'announced'
      ? ['Content-Length: 20000', part]
      : ['Transfer-Encoding: chunked', `${bytes.toString(16)}\r\n${part}\r\n`]
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n`
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  await new Promise((written) => socket.write(`${head}${header}\r\n\r\n${body}`, written))
  await wait(50)
  socket.resetAndDestroy()
}

/** The server answers, and the session from before all of this is there. */
async function expectAlive() {
  const headers = { Authorization: `Bearer ${tokens.access_token}` }
  const response = await fetch(`http://127.0.0.1:${port}/me`, { headers })
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ username: 'cosmo' })
}

const PATHS = ['/login', '/refresh', '/users', '/nowhere', '/', '/layout.css']

describe.each(['announced', 'chunked'] as const)('npm run dev goes on after uploads', (framing) => {
  it.each([1, 10, 10_000])(`that are ${framing} and broken off after %i bytes`, async (bytes) => {
    for (const path of PATHS) await breakOff(path, framing, bytes)
    await wait(200)
    await expectAlive()
  })
})

it('npm run dev goes on after bodies that nobody reads to their end', async () => {
  const whole = 'x'.repeat(300_000)
  const stream = new Blob([whole.slice(0, 100_000)]).stream()
  // A client that is still writing may be reset before it can read the response.
  const statusOf = (response: Promise<Response>) =>
    response.then(
      ({ status }) => status,
      () => 0,
    )
  expect([405, 0]).toContain(await statusOf(post('/', whole)))
  expect([413, 0]).toContain(await statusOf(post('/login', stream, { duplex: 'half' })))
  await expectAlive()
})

it('npm run dev goes on after uploads that are broken off while it loads a changed source file', async () => {
  const reloads = dev.output().split(LOCAL).length - 1
  for (let change = 1; change <= 3; change += 1) {
    appendFileSync(join(project.folder, 'src', 'index.ts'), '// changed\n')
    for (const framing of ['announced', 'chunked'] as const)
      for (const path of PATHS) await breakOff(path, framing, 10)
    await dev.waitFor(LOCAL, reloads + change)
  }
  await expectAlive()
})

it('npm run dev loses no session to all of these, and logs none of them as a bug', async () => {
  const headers = { Authorization: `Bearer ${tokens.refresh_token}` }
  expect((await post('/refresh', '', { headers })).status).toBe(200)
  expect((await post('/login', JSON.stringify(COSMO))).status).toBe(200)
  expect(dev.output()).not.toMatch(/"level":"error"|"event":"error"/)
})
