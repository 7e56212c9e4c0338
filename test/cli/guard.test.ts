import { type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

import { startWrangler } from '../../src/cli/cloudflare/wrangler.ts'
import { freePort, startDev } from './dev-server.ts'
import { createProject, type Outcome } from './project.ts'

// The lines of the README, in the order in which a reader follows them: Latchkey, and another Worker beside it.

const README = readFileSync('README.md', 'utf8')
const [, SECTION = ''] = /^## Protect a Worker you already have$([^]*?)^## /m.exec(README) ?? []
const PAGE = readFileSync('src/client/README.md', 'utf8')
const readBlock = (page: string, language: string) =>
  new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'm').exec(page)?.[1] ?? ''
const TOML = readBlock(SECTION, 'toml')
const HONO = readBlock(SECTION, 'ts')
const PLAIN = readBlock(PAGE, 'ts')

const latchkey = createProject()
cpSync('tsconfig.json', join(latchkey.folder, 'tsconfig.json'))
const folder = join(latchkey.folder, '..', 'reports')
const copy = join(folder, 'src', 'latchkey')
const write = (path: string, text: string) => writeFileSync(join(folder, path), text)
const read = (path: string) => readFileSync(join(copy, path), 'utf8')
const node = (...args: string[]) => spawnSync(process.execPath, args, { encoding: 'utf8' })
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
let outcome: Outcome

beforeAll(async () => {
  mkdirSync(join(folder, 'node_modules', '@cloudflare'), { recursive: true })
  for (const name of ['hono', '@cloudflare/workers-types'])
    symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name))
  // The command of the README, from Latchkey's folder.
  const [, target = ''] = /`npm run guard -- (\S+)`/.exec(SECTION) ?? []
  outcome = await latchkey.run('guard', [target])
  write('package.json', '{ "type": "module" }')
  write('src/index.ts', HONO)
  write('src/plain.ts', PLAIN)
  const lines = ['name = "reports"', 'main = "src/index.ts"', 'compatibility_date = "2026-11-02"']
  write('wrangler.toml', `${lines.join('\n')}\n\n${TOML}`)
}, 60_000)

describe('npm run guard', () => {
  it('writes two files and their types, and prints the lines that the README shows', () => {
    const files = readdirSync(copy, { recursive: true, encoding: 'utf8' })
    expect(files.filter((name) => name.includes('.')).toSorted()).toEqual([
      'authenticate.d.ts',
      'authenticate.js',
      'guard.d.ts',
      'guard.js',
      'types/contract.d.ts',
      'types/jwt-options.d.ts',
      'types/options.d.ts',
    ])
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    expect(outcome.stdout).toContain(`\n${TOML}`)
    for (const name of files.filter((file) => file.includes('.')))
      expect(read(name).split('\n')[0]).toContain(`Latchkey ${version}`)
  })

  it('writes code of at most 4 KiB, gzipped', () => {
    const code = read('guard.js') + read('authenticate.js')
    expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(4096)
  })

  it('writes neither keys nor signatures nor SQL into another project, and imports hono alone', () => {
    const code = read('guard.js') + read('authenticate.js')
    expect(code).not.toMatch(/crypto|SECRET|importKey|SELECT|prepare\(|zod|__proto__/)
    const imports = [...code.matchAll(/from "([^"]+)"/g)].map(([, name]) => name)
    expect(imports.toSorted()).toEqual([
      './authenticate.js',
      'cloudflare:workers',
      'hono/http-exception',
    ])
  })

  it('replaces its files when it runs again', async () => {
    const before = read('authenticate.js')
    writeFileSync(join(copy, 'authenticate.js'), '// The guard of Latchkey 0.0.1.')
    expect((await latchkey.run('guard', [copy])).code).toBe(0)
    expect(read('authenticate.js')).toBe(before)
  })

  it('replaces a file of another project only with --yes', async () => {
    const before = read('authenticate.js')
    writeFileSync(join(copy, 'authenticate.js'), '// mine')
    const { code, stderr } = await latchkey.run('guard', [copy])
    expect(code).toBe(2)
    expect(stderr).toContain('This replaces files that are not of the guard: ')
    expect(read('authenticate.js')).toBe('// mine')
    expect((await latchkey.run('guard', [copy, '--yes'])).code).toBe(0)
    expect(read('authenticate.js')).toBe(before)
  })

  it.each([
    [[], 'Missing folder. Usage: npm run guard -- <folder>'],
    [['--folder', 'x'], 'Unknown option'],
    [['a', 'b'], 'Too many arguments'],
  ])('says what is wrong with %j, and where the help is', async (args, problem) => {
    const { code, stderr } = await latchkey.run('guard', args)
    expect(code).toBe(2)
    expect(stderr).toContain(problem)
    expect(stderr).toContain('npm run guard -- --help')
  })
})

describe('the guard compiles in a strict project', () => {
  const STRICTEST = {
    strict: true,
    exactOptionalPropertyTypes: true,
    isolatedModules: true,
    noImplicitOverride: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    noEmit: true,
  }
  const compile = (name: string, options: object, files: string[]) => {
    const types = ['@cloudflare/workers-types']
    const base = { target: 'es2024', lib: ['es2024'], types, ...STRICTEST, ...options }
    write(name, JSON.stringify({ compilerOptions: base, files }))
    return node(resolve('node_modules/typescript/bin/tsc'), '-p', join(folder, name))
  }
  const NODE = { module: 'nodenext', moduleResolution: 'nodenext' }
  const BUNDLER = { module: 'esnext', moduleResolution: 'bundler' }

  it.each([
    ['nodenext', NODE],
    ['bundler', BUNDLER],
  ])('with the module resolution %s', (name, options) => {
    const { stdout } = compile(`${name}.json`, options, ['src/index.ts', 'src/plain.ts'])
    expect(stdout).toBe('')
  })

  it('and the compiler names wrong options, claims without a guard, and a user who may be missing', () => {
    write(
      'src/wrong.ts',
      `import { Hono } from 'hono'
import { authenticate } from './latchkey/authenticate.js'
import { jwtRequired } from './latchkey/guard.js'

export const app = new Hono()
  // @ts-expect-error: no guard has run
  .get('/open', (c) => c.json(c.var.user.sub))
  .get('/optional', jwtRequired({ optional: true }), (c) => {
    // @ts-expect-error: a request without a token
    return c.json(c.var.user.sub)
  })
  .get('/roles', jwtRequired({ roles: ['auditor'], fresh: 60 }), (c) => c.json(c.var.user.roles))
// @ts-expect-error: no such option
jwtRequired({ role: 'auditor' })
// @ts-expect-error: roles without a token
jwtRequired({ optional: true, roles: ['auditor'] })
// @ts-expect-error: not a positive number
jwtRequired({ fresh: 0 })
// @ts-expect-error: a refresh token
jwtRequired({ tokenType: 'any' })
// @ts-expect-error: a refresh token beside an option that exists
jwtRequired({ roles: ['auditor'], cookies: true })
// @ts-expect-error: no binding
void authenticate(new Request('https://x'), {})
export const { user } = await authenticate(new Request('https://x'), { LATCHKEY: {} })
// @ts-expect-error: the request may have been refused
export const name: string = user.sub
`,
    )
    expect(compile('wrong.json', BUNDLER, ['src/wrong.ts']).stdout).toBe('')
  })
})

describe('beside npm run dev, the Worker of the README', () => {
  const registry = { WRANGLER_REGISTRY_PATH: join(folder, 'registry') }
  let dev: Awaited<ReturnType<typeof startDev>>
  let reports: ChildProcess
  let [origin, latchkeyOrigin] = ['', '']
  beforeAll(async () => {
    const [port, other] = [await freePort(), await freePort()]
    ;[origin, latchkeyOrigin] = [`http://127.0.0.1:${other}`, `http://127.0.0.1:${port}`]
    dev = await startDev(latchkey, port, registry)
    const [, line = ''] = /^npx wrangler (.* --port) 8788/m.exec(PAGE) ?? []
    const args = [...line.split(' '), String(other), '--ip', '127.0.0.1', '--cwd', folder]
    reports = startWrangler(args, 'keep', { env: { ...registry, CI: '1' } })
    await vi.waitUntil(async () => (await statusOf('')) === 401, { timeout: 60_000 })
  }, 120_000)
  afterAll(async () => {
    reports.kill()
    if (reports.exitCode === null) await once(reports, 'exit')
  })

  const logIn = async (username: string, password: string) => {
    const headers = { 'Content-Type': 'application/json' }
    const body = JSON.stringify({ username, password })
    const response = await fetch(`${latchkeyOrigin}/login`, { method: 'POST', headers, body })
    return ((await response.json()) as { access_token: string }).access_token
  }
  const ask = (token: string) =>
    fetch(`${origin}/reports`, token ? { headers: { Authorization: `Bearer ${token}` } } : {})
  const statusOf = (token: string) =>
    ask(token).then(
      ({ status }) => status,
      () => 0, // not listening yet
    )

  it('rejects a user without the role, and lets one with the role pass', async () => {
    const token = await logIn('cosmo', 'space-corgi')
    await expect.poll(() => statusOf(token), { timeout: 20_000 }).toBe(403)
    const password = 'four words are enough'
    const args = ['add', 'ada', '--role', 'auditor']
    expect(await latchkey.run('users', args, `${password}\n`)).toMatchObject({ code: 0 })
    const response = await ask(await logIn('ada', password))
    expect({ status: response.status, body: await response.json() }).toEqual({
      status: 200,
      body: { for: 'ada' },
    })
  })

  it('responds with 503 and Retry-After when Latchkey is stopped', async () => {
    const token = await logIn('ada', 'four words are enough')
    expect(await statusOf(token)).toBe(200)
    await dev.stop()
    const response = await ask(token)
    expect(response.status).toBe(503)
    expect(response.headers.get('Retry-After')).toBe('5')
  })
})
