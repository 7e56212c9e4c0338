import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createProject } from '../project.ts'

const TOKEN = 'a-token-of-cloudflare'
const project = createProject()

/** A fake of Cloudflare's API: records the requests and responds with `reply`. */
const requests: { url: string | undefined; headers: IncomingHttpHeaders; body: string }[] = []
let reply: object
const server = createServer(async (request, response) => {
  requests.push({ url: request.url, headers: request.headers, body: await text(request) })
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(reply))
})
const ROW = { id: 1, username: 'ada', roles: '[]' }
const ok = (changes: number, results: object[] = []) => ({
  success: true,
  meta: { changes },
  results,
})

beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const config = readFileSync('wrangler.toml', 'utf8')
  project.write(
    'wrangler.toml',
    config.replace(/database_id = ".*"/, 'database_id = "the-database"'),
  )
})
beforeEach(() => void (requests.length = 0))
afterAll(() => void server.close())

const users = (args: string[], input = '', env: Record<string, string> = {}) => {
  const { port } = server.address() as AddressInfo
  return project.run('users', [...args, '--remote'], input, {
    CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}`,
    CLOUDFLARE_API_TOKEN: TOKEN,
    CLOUDFLARE_ACCOUNT_ID: 'the-account',
    ...env,
  })
}

describe("--remote works on production's database through Cloudflare's API", () => {
  it('with bound values and the login of wrangler', async () => {
    reply = { success: true, result: [ok(0), ok(1, [ROW]), ok(0, [ROW])] }
    const outcome = await users(['disable', 'ada'])
    expect(outcome).toEqual({ code: 0, stdout: 'ada: disabled, sessions revoked\n', stderr: '' })
    expect(requests).toHaveLength(1)
    expect(requests[0]?.url).toBe('/accounts/the-account/d1/database/the-database/query')
    expect(requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`)
    const { batch } = JSON.parse(requests[0]?.body ?? '')
    expect(batch.map(({ sql }: { sql: string }) => sql.slice(0, 15))).toEqual([
      'UPDATE sessions',
      'UPDATE users SE',
      'SELECT id, user',
    ])
    for (const { params } of batch) expect(params[0]).toBe('ada')
  })

  it('and sends no password, only its hash', async () => {
    reply = { success: true, result: [ok(1, [ROW])] }
    const { stdout } = await users(['add', 'ada'], 'correct horse battery')
    expect(stdout).toBe('ada: created\n')
    const bodies = requests.map(({ body }) => body).join('')
    expect(bodies).toContain('$argon2id$')
    expect(bodies).not.toContain('horse')
  })

  it('and leaves the token in no file of the home folder', async () => {
    reply = { success: true, result: [ok(1, [ROW])] }
    const home = mkdtempSync(join(tmpdir(), 'home-'))
    const own = { HOME: home, XDG_CONFIG_HOME: home, WRANGLER_WRITE_LOGS: 'true' }
    expect((await users(['enable', 'ada'], '', own)).code).toBe(0)
    const entries = readdirSync(home, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    const contents = files.map(({ parentPath, name }) =>
      readFileSync(join(parentPath, name), 'utf8'),
    )
    expect(contents.filter((content) => content.includes(TOKEN))).toEqual([])
  })

  it('and finds the account when there is only one', async () => {
    reply = { success: true, result: [{ id: 'only', ...ok(0) }] }
    await users(['enable', 'ada'], '', { CLOUDFLARE_ACCOUNT_ID: '' })
    expect(requests.map(({ url }) => url)).toEqual([
      '/accounts',
      '/accounts/only/d1/database/the-database/query',
    ])
  })
})

describe('--remote reads the environment and the account where wrangler reads them:', () => {
  beforeAll(() => {
    const staging = ['binding = "DB"', 'database_name = "s"', 'database_id = "the-second"']
    const current = readFileSync(join(project.folder, 'wrangler.toml'), 'utf8')
    const own = ['', '[[env.staging.d1_databases]]', ...staging, '']
    project.write('wrangler.toml', current + own.join('\n'))
  })
  const PATH = '/accounts/the-account/d1/database/the-database/query'
  const SECOND = '/accounts/the-account/d1/database/the-second/query'

  it.each<[string, string[], Record<string, string | undefined>, string, string]>([
    ['--env', ['--env', 'staging'], {}, '', SECOND],
    ['CLOUDFLARE_ENV', [], { CLOUDFLARE_ENV: 'staging' }, '', SECOND],
    ['CLOUDFLARE_ENV in .env', [], {}, 'CLOUDFLARE_ENV="staging"\n', SECOND],
    ['--env before the rest', ['--env', 'staging'], { CLOUDFLARE_ENV: 'no' }, '', SECOND],
    ['an empty --env', ['--env', ''], { CLOUDFLARE_ENV: 'staging' }, '', PATH],
    [
      'CLOUDFLARE_ACCOUNT_ID in .env',
      [],
      { CLOUDFLARE_ACCOUNT_ID: undefined },
      'CLOUDFLARE_ACCOUNT_ID=another # ours\n',
      PATH.replace('the-account', 'another'),
    ],
  ])('%s', async (_, args, env, file, path) => {
    project.write('.env', file)
    reply = { success: true, result: [ok(0)] }
    const { code, stderr } = await users(['list', ...args], '', env as Record<string, string>)
    project.write('.env', '')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(requests.map(({ url }) => url)).toEqual([path])
  })

  it.each([
    ['CLOUDFLARE_ENV', [], { CLOUDFLARE_ENV: 'nosuch' }],
    ['--env', ['--env', 'nosuch'], {}],
  ])('an unknown one in %s is refused', async (_, args, env) => {
    const { code, stderr } = await users(['list', ...args], '', env as Record<string, string>)
    expect(code).toBe(1)
    expect(stderr).toContain("wrangler.toml has no environment 'nosuch'")
    expect(requests).toEqual([])
  })
})

describe('--remote reports errors without the token:', () => {
  it.each([
    [
      'an error of the API',
      { success: false, errors: [{ message: 'no such table: users' }] },
      {},
      'reports: no such table: users',
    ],
    [
      'an API that cannot be reached',
      {},
      { CLOUDFLARE_API_BASE_URL: 'http://127.0.0.1:1' },
      'cannot be reached',
    ],
  ])('%s', async (_, body, env, message) => {
    reply = body
    const { code, stdout, stderr } = await users(['list'], '', env)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).not.toContain(TOKEN)
  })

  it('a wrangler.toml without a database is reported with what to run', async () => {
    const fresh = createProject()
    const { code, stderr } = await fresh.run('users', ['list', '--remote'])
    expect(code).toBe(1)
    expect(stderr).toContain("'npm run deploy' creates one")
  })
})
