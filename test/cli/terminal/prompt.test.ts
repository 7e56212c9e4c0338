import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'

import { beforeAll, expect, it } from 'vitest'

import { runWrangler } from '../../../src/cli/cloudflare/wrangler.ts'
import { createProject } from '../project.ts'

const project = createProject()
beforeAll(async () => {
  const where = ['--local', '--cwd', project.folder]
  await runWrangler(['d1', 'migrations', 'apply', 'DB', ...where], 'keep')
}, 60_000)

const BOM = '\uFEFF'

/** Runs a command at a terminal (util-linux `script`) and answers each question with the next of `answers`. */
function answer(
  command: string,
  answers: string[],
): Promise<{ code: number | null; output: string }> {
  const line = `${process.execPath} src/cli/${command}`
  const terminal = spawn('script', ['-qec', line, '/dev/null'], { cwd: project.folder })
  const left = [...answers]
  let output = ''
  terminal.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    const asked = output.match(/password: |\[y\/N\] /g)?.length ?? 0
    while (answers.length - left.length < asked && left.length > 0)
      terminal.stdin.write(left.shift() ?? '')
  })
  return new Promise((done) => terminal.once('close', (code) => done({ code, output })))
}
const PASSWORD = 'correct horse battery\r'
const list = async () => JSON.parse((await project.run('users', ['list', '--json'])).stdout).users

it.each([
  ['Ctrl+C', '\u0003', 'users.ts add bob'],
  ['Ctrl+D', '\u0004', 'users.ts add bob'],
  ['Ctrl+C', '\u0003', 'users.ts logout --everyone'],
  ['Ctrl+D', '\u0004', 'users.ts logout --everyone'],
])('%s at a prompt ends the command with 130 and one line', async (_, key, command) => {
  const { code, output } = await answer(command, [key])
  expect(code).toBe(130)
  expect(output).toMatch(/Cancelled\.\r\n$/)
  expect(output).not.toMatch(/\n +at |AbortError|node:/)
})

it('the rules for passwords are shown before anything is typed, and a password is asked for until it is allowed', async () => {
  const answers = [
    'short\r',
    'I like carol a lot\r',
    PASSWORD,
    'another one, not this\r',
    PASSWORD,
    PASSWORD,
  ]
  const { code, output } = await answer('users.ts add carol', answers)
  expect(code).toBe(0)
  const lines = output.split(/[\r\n]+/).map((line) => line.trim())
  expect(lines).toEqual([
    'At least 15 characters, without the username, and not a common password.',
    'New password:',
    'Shorter than minimum length 15. Choose another, or press Ctrl+C.',
    'New password:',
    'Contains the username. Choose another, or press Ctrl+C.',
    'New password:',
    'Repeat the password:',
    "Passwords don't match. Try again, or press Ctrl+C.",
    'New password:',
    'Repeat the password:',
    'carol: created',
    '',
  ])
}, 60_000)

it.each([
  ['users.ts passwd ghost', "There is no user 'ghost'."],
  ['users.ts add CAROL', "A user 'CAROL' exists already, perhaps in another case."],
  ['users.ts add carol2 --role "a\'b,"', 'Invalid roles.'],
  ['users.ts add " x"', 'Invalid username: Begins or ends with whitespace.'],
])('%s is rejected before a password is typed', async (command, message) => {
  const { code, output } = await answer(command, [])
  expect(code).toBe(1)
  expect(output).toContain(message)
  expect(output).not.toContain('password:')
})

it('a destructive command shows what changes, and anything but a yes changes nothing', async () => {
  const no = await answer('users.ts remove carol', ['\r'])
  expect(no.code).toBe(1)
  expect(no.output).toMatch(
    /This removes carol \(no roles\) and ends 0 sessions, in the local database/,
  )
  expect(no.output).toContain('Nothing was changed.')
  expect(await list()).toHaveLength(1)
  const yes = await answer('users.ts remove carol', ['y\r'])
  expect(yes.code).toBe(0)
  expect(await list()).toEqual([])
}, 60_000)

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
