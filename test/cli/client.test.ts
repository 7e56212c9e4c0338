import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { beforeAll, expect, it } from 'vitest'

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
  expect(files.toSorted()).toEqual([
    'client.d.ts',
    'client.js',
    'public',
    'public/error-codes.d.ts',
    'public/error-codes.js',
    'public/session.d.ts',
    'public/session.js',
    'public/tabs.d.ts',
    'public/tabs.js',
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

it.each([[[]], [['--folder', 'x']], [['a', 'b']]])('the arguments %j show the usage', (args) => {
  const { status, stderr } = node('src/cli/client.ts', ...args)
  expect(status).toBe(2)
  expect(stderr).toContain('Usage: npm run client -- <folder>')
})
