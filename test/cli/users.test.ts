import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { beforeAll, describe, expect, it } from 'vitest'

import { randomId } from '../../src/auth/encoding.ts'
import { runWrangler } from '../../src/cli/cloudflare/wrangler.ts'
import { createProject } from './project.ts'

const project = createProject()
const users = (args: string[], input?: string) => project.run('users', args, input)
const list = async () => JSON.parse((await users(['list', '--json'])).stdout).users
const PASSWORD = 'correct horse battery\n'

async function runD1(...args: string[]) {
  const where = ['--local', '--cwd', project.folder]
  const { ok, stderr } = await runWrangler(['d1', ...args, ...where], 'keep')
  if (!ok) throw new Error(stderr)
}
const execute = (sql: string) => runD1('execute', 'DB', '--command', sql)

beforeAll(() => runD1('migrations', 'apply', 'DB'), 60_000)

it('a user can be changed by add, list, passwd, roles, disable, enable and remove', async () => {
  expect(await users(['add', 'ada', '--role', 'admin', '--role', 'editor'], PASSWORD)).toEqual({
    code: 0,
    stdout: 'ada: created\n',
    stderr: '',
  })
  expect(await list()).toEqual([
    {
      username: 'ada',
      roles: ['admin', 'editor'],
      created_at: expect.any(Number),
      disabled_at: null,
    },
  ])
  const today = new Date().toISOString().slice(0, 10)
  expect((await users(['list'])).stdout).toBe(
    `name  roles         created     disabled\nada   admin editor  ${today}\n`,
  )
  expect((await users(['passwd', 'ada'], 'another horse battery')).stdout).toBe(
    'ada: password changed, sessions revoked\n',
  )
  expect((await users(['roles', 'ada', '--role', 'reader'])).stdout).toBe(
    'ada: roles set, sessions revoked\n',
  )
  expect((await users(['disable', 'ada'])).stdout).toBe('ada: disabled, sessions revoked\n')
  expect(await list()).toMatchObject([{ roles: ['reader'], disabled_at: expect.any(Number) }])
  expect((await users(['enable', 'ada'])).stdout).toBe('ada: enabled\n')
  expect(await list()).toMatchObject([{ disabled_at: null }])
  expect((await users(['remove', 'ada', '--json'])).stdout).toBe('{"ok":true,"username":"ada"}\n')
  expect(await list()).toEqual([])
})

it('add --invite and reset print a link that works once, and no password is ever typed', async () => {
  const link = /^ {2}http:\/\/127\.0\.0\.1:8787\/#code=([0-9a-z-]{30})$/m
  const invited = await users(['add', 'eve', '--invite', '--role', 'editor'])
  expect(invited).toMatchObject({ code: 0, stderr: '' })
  expect(invited.stdout).toMatch(/^eve: invited, once, until 2/)
  expect(invited.stdout).toMatch(link)
  const { stdout } = await users(['reset', 'eve', '--json'])
  const { code, expires_at, link: again } = JSON.parse(stdout)
  expect(again).toBe(`http://127.0.0.1:8787/#code=${code}`)
  expect(expires_at).toBeGreaterThan(Date.now() / 1000 + 86_000)
  expect(invited.stdout).not.toContain(code)
  expect((await users(['reset', 'nobody'])).code).toBe(1)
  expect((await users(['add', 'eve', '--invite'])).code).toBe(1)
  await users(['remove', 'eve', '--yes'])
})

it('list finds users by the beginning of their names, and prints pages', async () => {
  for (const name of ['ada', 'Adam', 'adele', 'bob']) await users(['add', name], PASSWORD)
  const { stdout } = await users(['list', 'AD', '--limit', '2'])
  expect(stdout).toMatch(/^name {2}roles[^]*\nada [^]*\nAdam [^]*\n… and more: --after 'adam'\n$/)
  const next = await users(['list', 'AD', '--limit', '2', '--after', 'adam', '--json'])
  expect(JSON.parse(next.stdout)).toMatchObject({ users: [{ username: 'adele' }], next: null })
  for (const name of ['Adam', 'adele', 'bob']) await users(['remove', name])
})

it('the value for the next page can be pasted into a shell, regardless of the username', async () => {
  const name = "a';touch ${PWD}/pasted;'"
  for (const user of [name, 'b']) await users(['add', user], PASSWORD)
  const { stdout } = await users(['list', '--limit', '1'])
  const [, hint = ''] = /… and more: (--after .*)\n$/.exec(stdout) ?? []
  const words = execFileSync('sh', ['-c', `printf '%s\\n' ${hint}`], { cwd: project.folder })
  expect(words.toString()).toBe(`--after\n${name.toLowerCase()}\n`)
  expect(existsSync(join(project.folder, 'pasted'))).toBe(false)
  for (const user of [name, 'b']) await users(['remove', user])
})

it('sessions lists where a user is logged in, logout revokes it, and logout --everyone revokes all sessions', async () => {
  await users(['add', 'eve'], PASSWORD)
  const now = Math.floor(Date.now() / 1000)
  const values = ['ada', 'eve'].map(
    (name) =>
      `('${randomId()}', (SELECT id FROM users WHERE username = '${name}'), ${now - 60}, ${now - 60}, ${now + 600}, 'Firefox', 'NL')`,
  )
  await execute(
    `INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, user_agent, country) VALUES ${values.join()}`,
  )
  const minute = new Date((now - 60) * 1000).toISOString().slice(0, 16).replace('T', ' ')
  expect((await users(['sessions', 'ada'])).stdout).toMatch(
    new RegExp(`^started \\(UTC\\)  .*\n${minute} .* NL {7}Firefox\n$`),
  )
  expect((await users(['logout', 'ada'])).stdout).toBe('ada: sessions revoked\n')
  const countSessions = async (name: string) =>
    JSON.parse((await users(['sessions', name, '--json'])).stdout).sessions.length
  expect([await countSessions('ada'), await countSessions('eve')]).toEqual([0, 1])
  const everyone = await users(['logout', '--everyone', '--json'])
  expect(everyone).toEqual({ code: 0, stdout: '{"ok":true,"sessions":1}\n', stderr: '' })
  expect(await countSessions('eve')).toBe(0)
  for (const name of ['ada', 'eve']) await users(['remove', name])
})

it('events lists what happened to an account, also after its removal, or to all accounts', async () => {
  await users(['add', 'ada'], PASSWORD)
  await users(['disable', 'ada'])
  await users(['remove', 'ada'])
  const { stdout: json } = await users(['events', 'ada', '--limit', '3', '--json'])
  const byOperator = { username: 'ada', by: null, address: null, country: null, session: null }
  expect(JSON.parse(json).events).toMatchObject([
    { event: 'user.removed', ...byOperator },
    { event: 'user.disabled', ...byOperator },
    { event: 'user.added', ...byOperator },
  ])
  const { stdout: page } = await users(['events', '--limit', '1'])
  expect(page).toMatch(
    /^time \(UTC\) {8}user {2}event [^\n]+\n2\d{3}-[^\n]{11} {2}ada {3}user\.removed\n… and more: --after '[\d.]{17}'\n$/,
  )
  expect(await users(['events', 'nobody'])).toEqual({
    code: 1,
    stdout: '',
    stderr: "There is no user 'nobody'. See 'npm run users -- list'.\n",
  })
})

describe('a rejected command exits with 1, gives the reason, and changes nothing', () => {
  it.each([
    [
      'a short password',
      ['add', 'bob'],
      'short\n',
      'Invalid password: Shorter than minimum length 15.',
    ],
    ['no password', ['add', 'bob'], '', 'Invalid password: Shorter than minimum length 15.'],
    [
      'a common password',
      ['add', 'bob'],
      '1qaz2wsx3edc4rfv\n',
      'Invalid password: Is a common password.',
    ],
    [
      'the name in the password',
      ['add', 'robert'],
      'Robert likes horses',
      'Invalid password: Contains the username.',
    ],
    [
      'a name with a control character',
      ['add', 'bo\nb'],
      PASSWORD,
      'Invalid username: Contains a control or invisible character.',
    ],
    [
      'a name with a space before it',
      ['add', ' bob'],
      PASSWORD,
      'Invalid username: Begins or ends with whitespace.',
    ],
    [
      'a long name',
      ['add', 'b'.repeat(65)],
      PASSWORD,
      'Invalid username: Longer than maximum length 64.',
    ],
    [
      'an unknown user',
      ['disable', 'ghost'],
      '',
      "There is no user 'ghost'. See 'npm run users -- list'.",
    ],
  ])('%s', async (_, args, input, message) => {
    expect(await users(args, input)).toEqual({ code: 1, stdout: '', stderr: `${message}\n` })
    expect(await list()).toEqual([])
  })

  it.each(['eve', 'EVE'])(
    'add rejects a name that is taken, regardless of case: %s',
    async (name) => {
      await users(['add', 'eve'], PASSWORD)
      expect(await users(['add', name], PASSWORD)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`A user '${name}' exists already`),
      })
      await users(['remove', 'eve'])
    },
  )
})

describe('wrong usage exits with 2, shows the usage, and repeats no password', () => {
  it.each([
    [
      'a password as an option',
      ['add', 'bob', '--password', 'hunter2'],
      'Never pass a password as an argument',
    ],
    [
      'a password as an argument',
      ['add', 'bob', 'hunter2'],
      'Never pass a password as an argument',
    ],
    ['an unknown command', ['delete', 'bob'], "Unknown command 'delete'"],
    ['no username', ['add'], 'Missing username. Usage: npm run users -- add <name>'],
    ['neither a username nor everyone', ['logout'], 'Missing username'],
    ['everyone and a username', ['logout', 'bob', '--everyone'], 'Too many arguments'],
    ['--everyone for remove', ['remove', '--everyone'], "'remove' does not accept --everyone"],
    [
      'a limit that is not a number',
      ['list', '--limit', 'x'],
      '--limit must be between 1 and 10000',
    ],
  ])('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await users(args, PASSWORD)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).not.toContain('hunter2')
  })
})

it('the command shows its usage with --help or without arguments', async () => {
  for (const args of [['--help'], []]) {
    const { code, stdout } = await users(args)
    expect(code).toBe(0)
    expect(stdout).toContain('Usage: npm run users')
  }
})
