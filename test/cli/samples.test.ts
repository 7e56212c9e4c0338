import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { freePort, startDev } from './dev-server.ts'
import { createProject } from './project.ts'

// The samples of the pages for developers, applied to a copy of the project in the order in which a reader meets them.

const PAGES = ['README.md', 'src/routes/README.md']
/** Another project's samples are tested in guard.test.ts. */
const readPage = (page: string) =>
  readFileSync(page, 'utf8').replace(/^## Protect a Worker you already have$[^]*?(?=^## )/m, '')
const blocks = PAGES.flatMap((page) =>
  [...readPage(page).matchAll(/^```(\w+)\n([^]*?)^```/gm)].map(([, language = '', code = '']) => ({
    page,
    language,
    code,
  })),
)
/** The lines of `sh` are checked in readme.test.ts. */
const LANGUAGES = ['ts', 'sql', 'toml', 'console', 'js', 'sh']
const project = createProject()
const read = (path: string) => readFileSync(join(project.folder, path), 'utf8')

/** Where a sample goes: it is a new file, the end of a file, or it goes above a line. */
const PLACE = /^(?:\/\/|--|#) (\S+\.\w+)(?:, (at the end|above (.+)))?\n([^]*)$/

/** Writes a sample into the project. One without a place continues `src/routes/protected.ts`. */
function apply(sample: string): void {
  const [, path = 'src/routes/protected.ts', place, line = '', code = ''] = PLACE.exec(sample) ?? [
    '',
    undefined,
    'at the end',
    '',
    sample.replace(/^[^]*\n *\/\/ …\n/, ''), // what stands above the ellipsis is there already
  ]
  const file = join(project.folder, path)
  mkdirSync(dirname(file), { recursive: true })
  if (!place) return writeFileSync(file, code)
  const text = read(path)
  if (place === 'at the end') return writeFileSync(file, text + code)
  const at = text.lastIndexOf('\n', text.indexOf(line)) + 1
  if (!text.includes(line)) throw new Error(`${path} has no line ${line}`)
  writeFileSync(file, text.slice(0, at) + code + text.slice(at))
}

/** Runs a program in the project and returns its output; throws it when the program fails. */
const run = async (program: string, ...args: string[]) => {
  const env = { ...process.env, NO_COLOR: '1', WRANGLER_SEND_METRICS: 'false' }
  const options = { cwd: project.folder, env, encoding: 'utf8' } as const
  const bin = join(project.folder, 'node_modules', program)
  return promisify(execFile)(process.execPath, [bin, ...args], options).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(stdout + stderr)
    },
  )
}

beforeAll(async () => {
  for (const entry of ['test', 'tsconfig.json', '.oxlintrc.json', 'README.md'])
    cpSync(entry, join(project.folder, entry), { recursive: true })
  for (const { language, code } of blocks) if (/^(ts|sql|toml)$/.test(language)) apply(code)
  const types = ['types', 'src/worker-configuration.d.ts', '--include-runtime=false']
  await run('wrangler/bin/wrangler.js', ...types, '--strict-vars=false')
}, 60_000)

it('the pages contain samples of every type that the tests below execute', () => {
  const count = (wanted: string) => blocks.filter(({ language }) => language === wanted).length
  expect(count('ts')).toBeGreaterThan(10)
  expect(count('console')).toBeGreaterThan(1)
  expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(LANGUAGES))
})

it('with all samples in place, the project compiles and the linter accepts it', async () => {
  expect(await run('typescript/bin/tsc')).toBe('')
  const folders = ['src/app.ts', 'src/routes', 'src/db', 'test/routes']
  expect(await run('oxlint/bin/oxlint', '--deny-warnings', ...folders)).toContain('0 errors')
})

it('npm run openapi describes your own routes, with the schema of a body', async () => {
  const { code, stderr } = await project.run('openapi')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { paths } = JSON.parse(read('src/public/openapi.json'))
  expect(paths['/hello'].get).toMatchObject({
    summary: 'GET /hello',
    security: [{ bearer: [] }],
    responses: { '2XX': {}, 401: {} },
  })
  expect(paths['/greeting'].get.security).toEqual([])
  expect(paths['/files/{name}'].get.parameters).toMatchObject([{ name: 'name', in: 'path' }])
  expect(paths['/notes'].post.requestBody.content['application/json'].schema).toEqual({
    type: 'object',
    properties: { title: { type: 'string', maxLength: 100 } },
    required: ['title'],
    additionalProperties: false,
  })
})

it('with all samples in place, the sample test passes, and so do the route audit and the description', async () => {
  const files = ['routes/notes', 'routes/audit', 'contract/openapi', 'db/migrations', 'cli/openapi']
  const args = ['run', '--config', 'test/vitest.config.ts']
  for (const file of files) args.push(`test/${file}.test.ts`)
  const output = await run('vitest/vitest.mjs', ...args)
  expect(output).toMatch(/Test Files +5 passed/)
}, 120_000)

const escape = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** The commands of a console block, each with the response that is shown. */
const readRequests = (block: string) =>
  block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => part.split('\n'))
    .map(([command = '', ...shown]) => ({ command, shown: shown.filter(Boolean) }))

describe('with all samples in place,', () => {
  let dev: Awaited<ReturnType<typeof startDev>>
  let origin = ''
  let token = ''
  beforeAll(async () => {
    const port = await freePort()
    origin = `127.0.0.1:${port}`
    dev = await startDev(project, port)
    const body = '{"username":"cosmo","password":"space-corgi"}'
    const headers = { 'Content-Type': 'application/json' }
    const response = await fetch(`http://${origin}/login`, { method: 'POST', headers, body })
    token = ((await response.json()) as { access_token: string }).access_token
  }, 60_000)
  afterAll(() => dev.stop())

  const requests = blocks
    .filter(({ language }) => language === 'console')
    .flatMap(({ code }) => readRequests(code))

  it.each(requests)('$command prints what the page shows', async ({ command, shown }) => {
    const line = command.replace('localhost:8787', origin).replace('eyJ…', token)
    const { stdout } = await promisify(execFile)('bash', ['-c', `${line} --silent`])
    for (const expected of shown) {
      const pattern = expected.split('eyJ…').map(escape).join('eyJ[\\w.-]+')
      expect(stdout).toMatch(new RegExp(`^${pattern}\\r?$`, 'm'))
    }
  })

  it.each<[request: string, status: number, body: object]>([
    ['GET /hello', 200, { hello: 'cosmo' }],
    ['GET /stats', 403, { msg: 'Role required' }],
    ['POST /payment', 200, ['paid']],
    ['GET /report', 403, { msg: 'Role required' }],
    ['POST /transfer', 200, { by: 'cosmo' }],
    ['GET /greeting', 200, { hello: 'cosmo' }],
    ['GET /session', 200, { type: 'access' }],
    ['GET /files/x', 404, { error: 'Not found' }],
    ['GET /notes', 200, { notes: expect.any(Array) }],
  ])(
    '%s responds with %i to a user without roles, and never without a token',
    async (request, status, body) => {
      const [method = '', path = ''] = request.split(' ')
      const send = (headers: Record<string, string>) =>
        fetch(`http://${origin}${path}`, { method, headers })
      const response = await send({ Authorization: `Bearer ${token}` })
      expect(response.status).toBe(status)
      expect([await response.json()].flat()).toEqual([body].flat())
      const anonymous = await send({})
      expect(anonymous.status).toBe(path === '/greeting' ? 200 : 401)
    },
  )

  it('GET /greeting greets a stranger', async () => {
    expect(await (await fetch(`http://${origin}/greeting`)).json()).toEqual({ hello: 'stranger' })
  })

  it('a page does what the README shows with the cookie of a session, which GET /page accepts', async () => {
    const init = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"username":"cosmo","password":"space-corgi","cookie":true}',
    }
    const login = await fetch(`http://${origin}/login`, init)
    const [cookie = ''] = login.headers.getSetCookie().map((value) => value.split(';')[0] ?? '')
    const statuses: number[] = []
    /** Adds what a browser sends. */
    const fetchFromPage = async (path: string, { headers, ...rest }: RequestInit = {}) => {
      const own = { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' }
      const sent = { ...rest, headers: { ...own, ...(headers as Record<string, string>) } }
      const response = await fetch(`http://${origin}${path}`, sent)
      statuses.push(response.status)
      return response
    }
    const page = await fetchFromPage('/page')
    expect(await page.json()).toEqual({ id: expect.stringMatching(/^[\w-]{22}$/) })
    const sample = blocks.find(({ language }) => language === 'js')?.code
    project.write('sample.mjs', `export default async (fetch) => {\n${sample}}`)
    const module: { default: (fetch: typeof fetchFromPage) => Promise<void> } = await import(
      join(project.folder, 'sample.mjs')
    )
    await module.default(fetchFromPage)
    expect(statuses).toEqual([200, 200, 200, 200])
  })
})

it('the page names every place that contains the name of the project', () => {
  const [, section = ''] = read('src/routes/README.md').split('## Rename the project')
  const named = [
    'src/http/refusal.ts',
    'src/http/refresh-cookie.ts',
    'src/contract/openapi.ts',
    'src/public/index.html',
    'src/public/docs/index.html',
    'wrangler.toml',
  ]
  for (const path of named) {
    expect(section).toContain(path === 'src/contract/openapi.ts' ? 'openapi.ts' : `\`${path}\``)
    expect(read(path)).toMatch(/latchkey/i)
  }
})
