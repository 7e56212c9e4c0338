import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { generateSecret } from '../../src/cli/cloudflare/ring-file.ts'
import { buildWorker, type Host, startHost } from './host.ts'

let host: Host
const logged: string[] = []
beforeAll(async () => {
  const bindings = { JWT_SECRET: await generateSecret('HS256') }
  const onLog = (line: string) => logged.push(line)
  host = await startHost(buildWorker(), { latchkey: bindings }, { onLog })
}, 60_000)
afterAll(() => host.dispose())

const MIB = 1024 * 1024
/** Between two chunks: a client that writes without a break is reset before it can read the response. */
const WRITE_DELAY_MS = 5

/**
 * Sends `head`, then `more` repeatedly until a response, the end of the connection or the limit.
 * Returns the response, and how many bytes of `more` were sent.
 */
function send(head: string, more?: { chunk: Buffer; limit: number }) {
  const { hostname, port } = host.urls.latchkey ?? host.url
  return new Promise<{ response: string; sent: number }>((resolve, reject) => {
    let response = ''
    let sent = 0
    const socket = connect(Number(port), hostname, () => socket.write(head, write))
    const write = () => {
      if (!more || response !== '' || sent >= more.limit || socket.destroyed) return
      sent += more.chunk.length
      socket.write(more.chunk, () => setTimeout(write, WRITE_DELAY_MS))
    }
    const finish = () => {
      socket.destroy()
      resolve({ response, sent })
    }
    socket.on('data', (bytes) => {
      response += bytes.toString()
      if (response.includes('\r\n\r\n')) finish()
    })
    socket.setTimeout(10_000, () => socket.destroy(new Error('no response in 10 s')))
    socket.on('error', (error) => (sent > 0 ? finish() : reject(error)))
    socket.on('close', finish)
  })
}

const readMemory = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${host.pid}/status`, 'utf8'))?.[1]) / 1024

const HEAD = 'POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n'

const CHUNK = 65_536
const FRAMED = Buffer.from(`${CHUNK.toString(16)}\r\n${'x'.repeat(CHUNK)}\r\n`)

it.each([
  ['in chunks, without a Content-Length,', 'Transfer-Encoding: chunked', FRAMED],
  ['with a Content-Length', `Content-Length: ${100 * MIB}`, Buffer.alloc(CHUNK, 'x')],
])(
  'a body of 100 MiB %s is cut off with 413, and ten of them do not grow the memory (ASVS 15.2.2)',
  async (_, header, chunk) => {
    const before = readMemory()
    const responses: string[] = []
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const { response, sent } = await send(`${HEAD}${header}\r\n\r\n`, { chunk, limit: 100 * MIB })
      responses.push(response.slice(0, 13))
      expect(sent).toBeLessThan(16 * MIB) // of which the buffers of two sockets account for 4 MiB
    }
    expect(responses).toContain('HTTP/1.1 413 ')
    expect(responses.filter((response) => response !== '' && response !== 'HTTP/1.1 413 ')).toEqual(
      [],
    )
    expect(readMemory() - before).toBeLessThan(64)
  },
)

it('50 clients that never finish their body do not block the guard for others (ASVS 15.2.2)', async () => {
  const { hostname, port } = host.urls.latchkey ?? host.url
  const slow = Array.from({ length: 50 }, () =>
    connect(Number(port), hostname).on('error', () => {}),
  )
  for (const socket of slow) socket.write(`${HEAD}Content-Length: 100\r\n\r\n{`)
  const startMs = performance.now()
  for (let request = 0; request < 50; request += 1) {
    const { response } = await send('GET /protected HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    expect(response).toMatch(/^HTTP\/1.1 401 /)
  }
  expect(performance.now() - startMs).toBeLessThan(10_000)
  for (const socket of slow) socket.destroy()
})

it.each([
  ['with a Content-Length', 'Content-Length: 100', '{"username'],
  ['in chunks', 'Transfer-Encoding: chunked', 'a\r\n{"username\r\n'],
])(
  'a client that disconnects during a body %s leaves no line in the log',
  async (_, header, part) => {
    const { hostname, port } = host.urls.latchkey ?? host.url
    const socket = connect(Number(port), hostname)
    await new Promise((resolve) => socket.write(`${HEAD}${header}\r\n\r\n${part}`, resolve))
    await new Promise((resolve) => setTimeout(resolve, 100)) // by then the Worker is reading the body
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(logged).toEqual([])
  },
)

it('a body with invalid chunked framing returns 400', async () => {
  const { response } = await send(`${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n`)
  expect(response).toMatch(/^HTTP\/1.1 400 /)
})

it.each([
  ['a token of 16 kB', `GET /protected`, `Authorization: Bearer ${'x'.repeat(16_000)}`, 401],
  ['a token of 300 kB', `GET /protected`, `Authorization: Bearer ${'x'.repeat(300_000)}`, 401],
  ['headers of 600 kB', `GET /protected`, `Authorization: Bearer ${'x'.repeat(600_000)}`, 431],
  ['a TRACE request (ASVS 13.4.4)', `TRACE /protected`, 'X-Echo: me', 405],
])('the Worker rejects %s and does not echo it', async (_, request, header, status) => {
  const { response } = await send(`${request} HTTP/1.1\r\nHost: 127.0.0.1\r\n${header}\r\n\r\n`)
  expect(response).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(response).not.toMatch(/xxxx|X-Echo/)
})

it('whitespace around the Authorization value on the wire is not part of the token', async () => {
  const request = (value: string) =>
    send(`GET /protected HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization:${value}\r\n\r\n`)
  for (const value of ['Bearer a.b', ' Bearer a.b ', ' Bearer a.b\t', '\t Bearer a.b \t '])
    expect((await request(value)).response).toContain('X-Error-Code: token_malformed')
  for (const value of ['', ' ', '\t '])
    expect((await request(value)).response).toContain('X-Error-Code: authorization_missing')
})
