import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildSync } from 'esbuild'
import { build } from 'rolldown'
import { beforeAll, describe, expect, it } from 'vitest'

/** Another project: strict, for browsers, with hono and no other package. */
const folder = mkdtempSync(join(tmpdir(), 'latchkey-other-'))
const node = (...args: string[]) => spawnSync(process.execPath, args, { encoding: 'utf8' })
const write = (name: string, content: string) => writeFileSync(join(folder, name), content)
const compile = () => node(resolve('node_modules/typescript/bin/tsc'), '-p', folder)

beforeAll(() => {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(resolve('node_modules/hono'), join(folder, 'node_modules/hono'))
  write('package.json', '{ "type": "module" }')
  write(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        target: 'es2024',
        lib: ['es2024', 'dom'],
        module: 'esnext',
        moduleResolution: 'bundler',
        types: [],
        strict: true,
        noEmit: true,
      },
    }),
  )
  const { status, stderr } = node('src/cli/client.ts', join(folder, 'latchkey'))
  if (status !== 0) throw new Error(stderr)
})

it('npm run client writes the client alone, and nothing of the server', () => {
  const files = readdirSync(join(folder, 'latchkey'), { recursive: true, encoding: 'utf8' })
  expect(files.filter((name) => name.includes('.')).toSorted()).toEqual([
    'client.js',
    'client.ts',
    'public/error-codes.js',
    'public/error-codes.ts',
    'public/session.js',
    'public/session.ts',
    'public/tabs.js',
    'public/tabs.ts',
    'types/client.d.ts',
    'types/public/session.d.ts',
  ])
  const imports = files
    .filter((name) => name.includes('.'))
    .flatMap((name) => [
      ...readFileSync(join(folder, 'latchkey', name), 'utf8').matchAll(
        /(?:from|import\() ?['"]([^'"]+)/g,
      ),
    ])
    .map(([, name]) => name)
  expect([...new Set(imports)].toSorted()).toEqual([
    './error-codes.js',
    './public/session.js',
    './session.js',
    './tabs.js',
    './types/client.js',
    './types/public/session.js',
    'hono/client',
    'hono/utils/http-status',
  ])
})

it('in a browser project, correct calls compile and wrong ones do not', () => {
  write(
    'main.ts',
    `import { createClient } from './latchkey/client.js'
    const { session, api } = createClient('/', { onSignedOut: (reason) => reason.trim() })
    const response: Response = await session.login({ username: 'ada', password: 'x' })
    const { message } = await (await api.protected.$get()).json()
    export const text: string = message
    // @ts-expect-error: a text
    export const number: number = message
    // @ts-expect-error: a field is missing
    await api.me.password.$put({ json: { current_password: 'x' } })
    // @ts-expect-error: no such route
    await api.nothing.$get()
    // @ts-expect-error: no such scope
    await session.logout('everyone')
    export { response }`,
  )
  const { status, stdout } = compile()
  expect([status, stdout]).toEqual([0, ''])
})

it('the compiler names a wrong call', () => {
  write(
    'wrong.ts',
    `import { createClient } from './latchkey/client.js'
  await createClient('/').api.nothing.$get()`,
  )
  const { status, stdout } = compile()
  expect(status).not.toBe(0)
  expect(stdout).toContain("Property 'nothing' does not exist")
})

it('the client runs without a build', () => {
  write(
    'run.js',
    `import { createClient } from './latchkey/client.js'
  const fetch = async (url) => Response.json({ asked: String(url) })
  const { api } = createClient('https://latchkey.test', { fetch })
  console.log(await (await api.sessions[':id'].$delete({ param: { id: 'a' } })).text())`,
  )
  const { stdout, stderr } = node(join(folder, 'run.js'))
  expect([stdout, stderr]).toEqual(['{"asked":"https://latchkey.test/sessions/a"}\n', ''])
})

/** Calls the client in TypeScript, and prints what the Worker was asked for. */
const MAIN = `import { createClient, type SessionOptions } from './latchkey/client.js'
  const options: SessionOptions = {
    fetch: async (url) => Response.json({ message: String(url) }),
    store: { load: () => undefined, save: () => {} },
  }
  const { api } = createClient('https://latchkey.test', options)
  const { message } = await (await api.protected.$get()).json()
  const text: string = message
  console.log(text)
  // @ts-expect-error: no such route
  void (() => api.nothing.$get())`

/** A project of its own with the client in `src/latchkey`. */
function createProject(compilerOptions: object) {
  const root = mkdtempSync(join(tmpdir(), 'latchkey-project-'))
  cpSync(join(folder, 'latchkey'), join(root, 'src', 'latchkey'), { recursive: true })
  mkdirSync(join(root, 'node_modules', '@types'), { recursive: true })
  for (const name of ['hono', '@types/node', 'undici-types'])
    symlinkSync(resolve('node_modules', name), join(root, 'node_modules', name))
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(root, 'src', 'main.ts'), MAIN)
  const options = {
    target: 'es2022',
    lib: ['es2022'],
    strict: true,
    outDir: 'dist',
    rootDir: 'src',
  }
  const config = { compilerOptions: { ...options, ...compilerOptions }, include: ['src'] }
  writeFileSync(join(root, 'tsconfig.json'), JSON.stringify(config))
  return root
}

const NODE = { module: 'nodenext', types: ['node'] }
const STRICTEST = {
  exactOptionalPropertyTypes: true,
  isolatedModules: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noPropertyAccessFromIndexSignature: true,
  noUncheckedIndexedAccess: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  verbatimModuleSyntax: true,
}

describe('a project that only runs tsc gets a client that Node can load:', () => {
  it.each([
    ['for Node', NODE],
    ['for Node, with the strictest options', { ...NODE, ...STRICTEST }],
    ['with allowJs and without the types of a browser', { ...NODE, allowJs: true, checkJs: true }],
    ['with the types of a browser', { module: 'nodenext', lib: ['es2022', 'dom'], types: [] }],
    ['with modules for a bundler', { ...NODE, module: 'esnext', moduleResolution: 'bundler' }],
  ])('%s', (_, options) => {
    const root = createProject(options)
    const compiled = node(resolve('node_modules/typescript/bin/tsc'), '-p', root)
    expect(compiled).toMatchObject({ stdout: '', status: 0 })
    const { stdout, stderr } = node(join(root, 'dist', 'main.js'))
    expect([stdout, stderr]).toEqual(['https://latchkey.test/protected\n', ''])
  })
})

it.each([
  [
    'esbuild',
    (entry: string, outfile: string) =>
      buildSync({
        entryPoints: [entry],
        outfile,
        bundle: true,
        format: 'esm',
        platform: 'browser',
      }),
  ],
  ['Rolldown', (file: string, output: string) => build({ input: file, output: { file: output } })],
])('a bundler builds a client that runs: %s', async (_, bundle) => {
  const root = createProject(NODE)
  const file = join(root, 'bundle.js')
  await bundle(join(root, 'src', 'main.ts'), file)
  expect(node(file)).toMatchObject({ stdout: 'https://latchkey.test/protected\n', stderr: '' })
})

it('Node runs TypeScript that imports the client, without a build', () => {
  const root = createProject(NODE)
  expect(node(join(root, 'src', 'main.ts')).stdout).toBe('https://latchkey.test/protected\n')
})

it.each([
  [[], 'Missing folder. Usage: npm run client -- <folder>'],
  [['--folder', 'x'], 'Unknown option.'],
  [['a', 'b'], 'Too many arguments.'],
])('the arguments %j are wrong usage, which a short message explains', (args, message) => {
  const { status, stderr } = node('src/cli/client.ts', ...args)
  expect(status).toBe(2)
  expect(stderr).toBe(`${message}\nHelp: npm run client -- --help\n`)
})

it('npm run client replaces an earlier client, and a file that is not of the client only with --yes', () => {
  const root = mkdtempSync(join(tmpdir(), 'own-'))
  const own = join(root, 'client.ts')
  writeFileSync(own, "export const mine = 'kept'\n")
  const refused = node('src/cli/client.ts', root)
  expect(refused.status).toBe(2)
  expect(refused.stderr).toBe(
    `This replaces files that are not of the client: ${own}.\nNothing was changed: without a terminal, add --yes.\n`,
  )
  expect(readdirSync(root)).toEqual(['client.ts'])
  expect(readFileSync(own, 'utf8')).toContain('kept')
  expect(node('src/cli/client.ts', root, '--yes').status).toBe(0)
  expect(readFileSync(own, 'utf8')).not.toContain('kept')
  expect(node('src/cli/client.ts', root).status).toBe(0)
})
