import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { freePort, startDev } from './dev-server.ts'
import { createProject } from './project.ts'

const project = createProject()
const example = join(project.folder, 'request-cf.json')
const vars = () => readFileSync(join(project.folder, '.dev.vars'), 'utf8')

describe('npm run dev on a fresh clone', () => {
  let dev: Awaited<ReturnType<typeof startDev>>
  let port: number
  beforeAll(async () => {
    port = await freePort()
    dev = await startDev(project, port, { CLOUDFLARE_CF_FETCH_PATH: example })
  }, 60_000)
  afterAll(() => dev.stop())

  it('creates .dev.vars with two random secrets that only its owner can read (ASVS 13.3.1)', () => {
    const secrets = /^JWT_SECRET='([\w+/]{43}=)'\nDATA_SECRET='([\w+/]{43}=)'\n$/.exec(vars()) ?? []
    expect(new Set(secrets).size).toBe(3)
    expect(statSync(join(project.folder, '.dev.vars')).mode & 0o777).toBe(0o600)
    for (const secret of secrets) expect(dev.output()).not.toContain(secret)
  })

  it('downloads no example of request.cf, which prints stack traces when it is offline', () => {
    expect(dev.output()).not.toMatch(/Request\.cf|\n +at /)
    expect(existsSync(example)).toBe(false)
  })

  it('prints three commands with which the Worker responds as in the lesson', () => {
    const lines = dev
      .output()
      .split('\n')
      .filter((line) => /^ {2}(curl|TOKEN=)/.test(line))
    expect(lines).toHaveLength(3)
    const shown = execFileSync('bash', ['-c', lines.join('\n')], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
    expect(shown).toContain('{"msg":"Missing Authorization Header"}')
    expect(shown).toContain('{"message":"This is a protected route, and you are authenticated!"}')
  })

  it('ends its output with the address of the page and these commands, and folds the table of settings', () => {
    const url = `http://127.0.0.1:${port}`
    const end = dev.output().slice(dev.output().indexOf('\nOpen the page'))
    expect(end).toMatch(
      new RegExp(`^\nOpen the page, which shows each step: ${url}\n[^]*Bearer \\$TOKEN"\n\n$`),
    )
    expect(dev.output()).toMatch(
      /\n\d+ settings and bindings: 'npm run dev -- --show-settings' lists/,
    )
    expect(dev.output()).not.toMatch(/env\.\w/)
  })

  it('serves a Worker that knows DATA_SECRET, so that a second factor can be enrolled', async () => {
    const send = (path: string, body: object, token = '') =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      })
    const login = await send('/login', { username: 'cosmo', password: 'space-corgi' })
    const { access_token: token } = (await login.json()) as { access_token: string }
    const factor = { factor_type: 'totp', friendly_name: 'phone' }
    expect((await send('/me/factors', factor, token)).status).toBe(201)
  })

  it('serves a Worker that passes npm run demo', async () => {
    const { code, stdout } = await project.run('demo', [`http://127.0.0.1:${port}`])
    expect(code).toBe(0)
    expect(stdout.match(/✓ as the lesson says/g)).toHaveLength(3)
    expect(stdout).not.toMatch(/eyJ[\w-]{20}/)
  })

  it('keeps serving while npm run users changes the same database', async () => {
    const { code } = await project.run('users', ['disable', 'cosmo'])
    expect(code).toBe(0)
    const body = JSON.stringify({ username: 'cosmo', password: 'space-corgi' })
    const headers = { 'Content-Type': 'application/json' }
    const response = await fetch(`http://127.0.0.1:${port}/login`, {
      method: 'POST',
      headers,
      body,
    })
    expect(response.status).toBe(401)
  })

  it('refuses a second server of the same database, with the address of the first', async () => {
    const { code, stderr } = await project.run('dev', ['--port', String(await freePort())])
    expect(code).toBe(1)
    expect(stderr).toContain(`serves this database already, on http://127.0.0.1:${port}.`)
  })

  it('reports that a port is in use, and what to do', async () => {
    const { code, stderr } = await project.run('dev', ['--port', String(port)])
    expect(code).toBe(1)
    expect(stderr).toContain(`Port ${port} is in use. Choose another with --port`)
  })
})

it('a second npm run dev keeps the secret and the users, and stops every process it started', async () => {
  const before = vars()
  const port = await freePort()
  const dev = await startDev(project, port)
  expect(vars()).toBe(before)
  expect(JSON.parse((await project.run('users', ['list', '--json'])).stdout).users).toHaveLength(1)
  await dev.stop()
  await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow('fetch failed')
})

describe('npm run demo exits non-zero when', () => {
  it('nothing listens, and says how to start the Worker', async () => {
    const { code, stderr } = await project.run('demo', ['http://127.0.0.1:1'])
    expect(code).toBe(1)
    expect(stderr).toContain("start it with 'npm run dev'")
  })

  it.each([
    ['a status is different', 200, '{"msg":"Missing Authorization Header"}', 'expected status 401'],
    [
      'a body is different',
      401,
      '{"msg":"missing"}',
      'expected {"msg":"Missing Authorization Header"}',
    ],
    ['a body is not JSON', 401, 'Unauthorized', 'the body is not JSON'],
  ])('%s from what the lesson says', async (_, status, body, message) => {
    const server = createServer((_request, response) => response.writeHead(status).end(body))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { code, stderr } = await project.run('demo', [`http://127.0.0.1:${port}`])
    server.close()
    expect(code).toBe(1)
    expect(stderr).toContain(message)
  })
})
