import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { beforeAll, expect, it } from 'vitest'

import { runWrangler } from '../../../src/cli/cloudflare/wrangler.ts'
import { createProject } from '../project.ts'

const project = createProject()
beforeAll(async () => {
  const where = ['--local', '--cwd', project.folder]
  await runWrangler(['d1', 'migrations', 'apply', 'DB', ...where], 'keep')
}, 60_000)

const BOM = '\uFEFF'

/** Runs a command at a terminal (util-linux `script`) and presses a key when it asks. */
function press(key: string, command: string): Promise<{ code: number | null; output: string }> {
  const line = `${process.execPath} src/cli/${command}`
  const terminal = spawn('script', ['-qec', line, '/dev/null'], { cwd: project.folder })
  let output = ''
  terminal.stdout.on('data', (chunk: Buffer) => {
    const wasAsked = /password:|\[y\/N\]/.test(output)
    output += chunk.toString()
    if (!wasAsked && /password:|\[y\/N\]/.test(output)) terminal.stdin.write(key)
  })
  return new Promise((done) => terminal.once('close', (code) => done({ code, output })))
}

it.each([
  ['Ctrl+C', '\u0003', 'users.ts add bob', 130],
  ['Ctrl+D', '\u0004', 'users.ts add bob', 1],
  ['Ctrl+C', '\u0003', 'users.ts logout --everyone', 130],
])('%s at a prompt ends the command with one line', async (_, key, command, expected) => {
  const { code, output } = await press(key, command)
  expect(code).toBe(expected)
  expect(output).toContain('Cancelled.')
  expect(output).not.toMatch(/\n +at |AbortError|node:/)
})

it.each([
  ['latin-1', Buffer.from('correct h\u00F6rse battery', 'latin1')],
  ['UTF-16', Buffer.from('correct horse battery', 'utf16le')],
  ['UTF-16 with a byte order mark', Buffer.from(`${BOM}correct horse battery`, 'utf16le')],
])(
  'a password from a pipe in %s is refused, because characters would be lost',
  async (_, bytes) => {
    const child = project.start('users', ['add', 'bob'])
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdin.end(bytes)
    const code = await new Promise((done) => child.once('close', done))
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'The password on standard input is not UTF-8.\n',
    })
  },
)

it.each([
  ['demo', ['localhost:8787'], 2, 'begins with http://'],
  ['demo', ['--unknown'], 2, 'Unknown option'],
  ['demo', ['http://127.0.0.1:51999'], 1, 'ECONNREFUSED'],
  ['openapi', ['--help'], 0, ''],
  ['openapi', ['x'], 2, 'Too many arguments'],
  ['deploy', ['--url', 'https://a b'], 2, 'not a valid URL'],
  ['users', ['export', 'nowhere/x.csv'], 1, 'ENOENT'],
])('a wrong argument is one line, without a stack: %s %j', async (command, args, code, message) => {
  const file = join(project.folder, 'src/public/openapi.json')
  const before = statSync(file).mtimeMs
  const outcome = await project.run(command, args)
  expect(outcome.code).toBe(code)
  expect(outcome.stderr).toContain(message)
  expect(outcome.stderr).not.toMatch(/\n +at /)
  expect(statSync(file).mtimeMs).toBe(before)
})

it('an export that git would commit says so, and those of the README are ignored', async () => {
  execFileSync('git', ['init', '-q'], { cwd: project.folder })
  project.write('.gitignore', readFileSync('.gitignore', 'utf8'))
  mkdirSync(join(project.folder, 'backup'))
  for (const file of ['all.csv', 'backup/of today.csv', 'users.json']) {
    const { code, stderr } = await project.run('users', ['export', file])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  }
  const { stderr } = await project.run('users', ['export', resolve(project.folder, 'people.json')])
  expect(stderr).toContain('people.json: do not commit it')
  expect(existsSync(join(project.folder, 'people.json'))).toBe(true)
})
