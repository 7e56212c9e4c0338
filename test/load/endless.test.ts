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
/** A client that never pauses is reset while it writes, and does not see the answer; others mostly do. */
const PAUSE_MS = 5

/** Sends bytes as they are, then `more` again and again until an answer, an end or the limit: the answer, and what it took. */
function send(head: string, more?: { chunk: Buffer; limit: number }) {
  const { hostname, port } = host.urls.latchkey ?? host.url
  return new Promise<{ answer: string; sent: number }>((resolve, reject) => {
    let answer = ''
    let sent = 0
    const socket = connect(Number(port), hostname, () => socket.write(head, write))
    const write = () => {
      if (!more || answer !== '' || sent >= more.limit || socket.destroyed) return
      sent += more.chunk.length
      socket.write(more.chunk, () => setTimeout(write, PAUSE_MS))
    }
    const finish = () => {
      socket.destroy()
      resolve({ answer, sent })
    }
    socket.on('data', (bytes) => {
      answer += bytes.toString()
      if (answer.includes('\r\n\r\n')) finish()
    })
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer in 10 s')))
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
  ['in chunks without a length', 'Transfer-Encoding: chunked', FRAMED],
  ['with its length', `Content-Length: ${100 * MIB}`, Buffer.alloc(CHUNK, 'x')],
])(
  'a body of 100 MiB %s is cut off with 413, ten times over, and none of it is kept (ASVS 15.2.2)',
  async (_, header, chunk) => {
    const before = readMemory()
    const answers: string[] = []
    for (let time = 0; time < 10; time += 1) {
      const { answer, sent } = await send(`${HEAD}${header}\r\n\r\n`, { chunk, limit: 100 * MIB })
      answers.push(answer.slice(0, 13))
      expect(sent).toBeLessThan(16 * MIB) // of which the buffers of two sockets take four
    }
    expect(answers).toContain('HTTP/1.1 413 ')
    expect(answers.filter((answer) => answer !== '' && answer !== 'HTTP/1.1 413 ')).toEqual([])
    expect(readMemory() - before).toBeLessThan(64)
  },
)

it('50 clients that never finish their body keep nobody else from the guard (ASVS 15.2.2)', async () => {
  const { hostname, port } = host.urls.latchkey ?? host.url
  const slow = Array.from({ length: 50 }, () =>
    connect(Number(port), hostname).on('error', () => {}),
  )
  for (const socket of slow) socket.write(`${HEAD}Content-Length: 100\r\n\r\n{`)
  const began = performance.now()
  for (let request = 0; request < 50; request += 1) {
    const { answer } = await send('GET /protected HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1.1 401 /)
  }
  expect(performance.now() - began).toBeLessThan(10_000)
  for (const socket of slow) socket.destroy()
})

it.each([
  ['announced', 'Content-Length: 100', '{"username'],
  ['chunked', 'Transfer-Encoding: chunked', 'a\r\n{"username\r\n'],
])(
  'a client that leaves in the middle of a body leaves no line in the log: %s',
  async (_, header, part) => {
    const { hostname, port } = host.urls.latchkey ?? host.url
    const socket = connect(Number(port), hostname)
    await new Promise((written) => socket.write(`${HEAD}${header}\r\n\r\n${part}`, written))
    await new Promise((later) => setTimeout(later, 100)) // the Worker is reading it by then
    socket.destroy()
    await new Promise((later) => setTimeout(later, 500))
    expect(logged).toEqual([])
  },
)

it('a body whose framing breaks off is 400', async () => {
  const { answer } = await send(`${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nzz\r\n`)
  expect(answer).toMatch(/^HTTP\/1.1 400 /)
})

it.each([
  ['a token of 16 kB', `GET /protected`, `Authorization: Bearer ${'x'.repeat(16_000)}`, 401],
  ['a token of 300 kB', `GET /protected`, `Authorization: Bearer ${'x'.repeat(300_000)}`, 401],
  ['headers of 600 kB', `GET /protected`, `Authorization: Bearer ${'x'.repeat(600_000)}`, 431],
  ['TRACE (ASVS 13.4.4)', `TRACE /protected`, 'X-Echo: me', 405],
])('%s is refused, and not sent back', async (_, request, header, status) => {
  const { answer } = await send(`${request} HTTP/1.1\r\nHost: 127.0.0.1\r\n${header}\r\n\r\n`)
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(answer).not.toMatch(/xxxx|X-Echo/)
})
