import { insertUser } from '../../src/db/user-changes.ts'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'

import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { argon2id } from '../../src/cli/users/argon2.ts'
import { generateSecret } from '../../src/cli/cloudflare/ring-file.ts'
import { type Hostile, hostile, LAIKA } from './hostile.ts'
import { buildWorker, type Host, startHost } from './host.ts'

const REQUESTS = 20_000
const CONCURRENCY = 20

let host: Host
/** A Worker that does nothing gets the same requests, because the memory of workerd itself grows with them. */
let bare: Host
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-bare-'))
  writeFileSync(join(folder, 'index.js'), 'export default { fetch: () => Response.json({}) }')
  bare = await startHost(folder, { bare: {} })
  host = await startHost(buildWorker(), {
    latchkey: {
      JWT_SECRET: await generateSecret('HS256'),
      SIGNUP: 'open',
      CORS_ORIGINS: 'https://app.example.com',
      LOGIN_MAX_FAILURES: '1000000',
      LOGIN_MAX_FAILURES_PER_NAME: '1000000',
    },
  })
  const passwordHash = hashPassword(LAIKA.password, argon2id)
  // The last admin, so that no request can remove the role.
  await insertUser(host.db, { username: LAIKA.username, passwordHash, roles: ['admin'] }, 1)
  await insertUser(host.db, { username: 'x', passwordHash, roles: [] }, 1)
}, 120_000)
afterAll(() => Promise.all([host.dispose(), bare.dispose()]))

type Tokens = { access_token: string; refresh_token: string }

/** Returns new tokens, because hostile requests end the sessions of the old ones. */
async function logIn(): Promise<Tokens> {
  const response = await host.fetch('latchkey', '/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(LAIKA),
  })
  return (await response.json()) as Tokens
}

function toHeaders({ token, headers, body }: Hostile, tokens: Tokens) {
  const { access_token: access, refresh_token: refresh } = tokens
  const last = access.endsWith('A') ? 'E' : 'A'
  const text = { access, refresh, cut: access.slice(0, -20), changed: access.slice(0, -1) + last }
  return {
    ...headers,
    'Content-Length': Buffer.byteLength(body),
    ...(token !== 'none' && { Authorization: `Bearer ${text[token]}` }),
  }
}

const agent = new Agent({ keepAlive: true })

type HttpResponse = { status: number; headers: IncomingHttpHeaders; text: string }

/** Sends a request over HTTP/1.1 unchanged, because fetch would not accept every header. */
const send = (to: Host, one: Hostile, tokens: Tokens): Promise<HttpResponse> =>
  new Promise((resolve, reject) => {
    const { method, path, body } = one
    const headers = toHeaders(one, tokens)
    const options = { method, path, headers, timeout: 5000, agent }
    const outgoing = request(to.url.href, options, async (incoming) => {
      const text = Buffer.concat(await incoming.toArray()).toString()
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text })
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('no response in 5 s')))
    // A server may close a keep-alive connection at the moment of its reuse: send again.
    outgoing.on('error', (error) =>
      outgoing.reusedSocket ? resolve(send(to, one, tokens)) : reject(error),
    )
    outgoing.end(body)
  })

/** Lists what is wrong with a response, regardless of the request. */
function* findProblems({ method }: Hostile, { status, headers, text }: HttpResponse) {
  if (status > 503 || (status >= 500 && status !== 503)) yield 'an undocumented 5xx status'
  if (status === 503 && !(Number(headers['retry-after']) > 0)) yield 'a 503 without Retry-After'
  if (method === 'HEAD' || status === 204) return
  if (headers['content-type'] !== 'application/json') yield 'a wrong content type'
  if (!isJsonObject(text)) yield 'not a JSON object'
}

function isJsonObject(text: string): boolean {
  try {
    return text.startsWith('{') && Boolean(JSON.parse(text))
  } catch {
    return false // a SyntaxError
  }
}

/** Returns the resident memory of workerd, in MiB. */
const readMemory = ({ pid }: Host) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

it('20,000 hostile requests to all routes return JSON, without a hang, a memory leak or any 5xx except the documented 503 (ASVS 2.2.1, 16.5.3)', async () => {
  const statuses: Record<number, number> = {}
  const before = [host, bare].map(readMemory)
  let tokens = await logIn()
  let sent = 0
  const batch = fc.array(hostile, { minLength: CONCURRENCY, maxLength: CONCURRENCY })
  const property = fc.asyncProperty(batch, async (requests) => {
    if (sent % 500 === 0) tokens = await logIn()
    sent += requests.length
    const problems = requests.map(async (one) => {
      await send(bare, one, tokens)
      const response = await send(host, one, tokens)
      statuses[response.status] = (statuses[response.status] ?? 0) + 1
      return [...findProblems(one, response)].map((problem) => ({ problem, one, response }))
    })
    expect((await Promise.all(problems)).flat()).toEqual([])
  })
  await fc.assert(property, { numRuns: REQUESTS / CONCURRENCY })
  const [growthMib = 0, bareGrowthMib = 0] = [host, bare].map(
    (one, index) => readMemory(one) - (before[index] ?? 0),
  )
  console.log(
    `${sent} requests: ${JSON.stringify(statuses)}; memory grew by ${growthMib.toFixed(0)} MiB, with a bare Worker by ${bareGrowthMib.toFixed(0)} MiB`,
  )
  expect(Object.keys(statuses)).toEqual(
    expect.arrayContaining(['200', '201', '400', '401', '404', '409', '405', '413', '415']),
  )
  expect(growthMib).toBeLessThan(bareGrowthMib + 256) // D1 and argon2id live in the same process
}, 300_000)
