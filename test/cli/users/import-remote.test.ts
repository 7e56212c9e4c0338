import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'

import vectors from '../../vectors/scrypt.json'
import { createProject } from '../project.ts'

type Query = { sql: string; params: unknown[] }

const project = createProject()
const HASH = vectors[0]?.hash ?? ''

/** A stand-in for Cloudflare's API, with no user in its database; the request of number `failing` fails. */
const transactions: Query[][] = []
let failing = 0
const server = createServer(async (request, response) => {
  const { batch, ...single } = JSON.parse(await text(request))
  const queries: Query[] = batch ?? [single]
  if (batch) transactions.push(batch)
  const success = !batch || transactions.length !== failing
  const result = queries.map(() => ({ success: true, results: [], meta: { changes: 0 } }))
  const errors = [{ message: 'D1 is resetting' }]
  response.end(JSON.stringify(success ? { success, result } : { success, errors }))
})

const importMany = (count: number) => {
  const { port } = server.address() as AddressInfo
  const lines = Array.from({ length: count }, (_, index) => `user${index},${HASH}`)
  const input = ['username,password_hash', ...lines].join('\n')
  return project.run('users', ['import', '-', '--remote'], input, {
    CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}`,
    CLOUDFLARE_API_TOKEN: 'a-token-of-cloudflare',
    CLOUDFLARE_ACCOUNT_ID: 'the-account',
  })
}
const sent = () =>
  transactions.flatMap((batch) => batch.flatMap(({ params }) => JSON.parse(String(params[0]))))

beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const config = readFileSync('wrangler.toml', 'utf8')
  project.write(
    'wrangler.toml',
    config.replace(/database_id = ".*"/, 'database_id = "the-database"'),
  )
})
beforeEach(() => {
  transactions.length = 0
  failing = 0
})
afterAll(() => void server.close())

it('a remote import is one request, so one transaction, with one bound value per statement', async () => {
  const outcome = await importMany(10_000)
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  expect(outcome.stdout).toMatch(/^imported +10,000$/m)
  expect(transactions).toHaveLength(1)
  expect(sent()).toHaveLength(10_000)
  expect(sent()[0]).toEqual(['user0', 'user0', HASH, '[]', expect.any(Number), null])
  for (const { sql, params } of transactions.flat()) {
    expect(sql).not.toContain('scrypt')
    expect(params).toHaveLength(1)
    expect(String(params[0]).length).toBeLessThan(1e6) // D1: 2 MB
  }
})

it('a larger import sends several requests, and a failed one says how many users were added and how to continue', async () => {
  failing = 2
  const { code, stdout, stderr } = await importMany(50_000)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(transactions).toHaveLength(2)
  const written = transactions[0]?.flatMap(({ params }) => JSON.parse(String(params[0]))) ?? []
  expect(stderr).toContain(`Stopped after ${written.length.toLocaleString('en')} users`)
  expect(stderr).toContain('D1 is resetting')
  expect(stderr).toContain('Run the same command again to continue')
  expect(stderr).not.toContain('scrypt')
})
