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
  expect((await users(['roles', 'ada', '--role', 'reader', '--yes'])).stdout).toBe(
    'ada: roles set, sessions revoked\n',
  )
  expect((await users(['disable', 'ada'])).stdout).toBe('ada: disabled, sessions revoked\n')
  expect(await list()).toMatchObject([{ roles: ['reader'], disabled_at: expect.any(Number) }])
  expect((await users(['enable', 'ada'])).stdout).toBe('ada: enabled\n')
  expect(await list()).toMatchObject([{ disabled_at: null }])
  expect((await users(['remove', 'ada', '--yes', '--json'])).stdout).toBe(
    '{"ok":true,"username":"ada"}\n',
  )
  expect(await list()).toEqual([])
})

it('factors lists the second factors of a user without their seeds, and --remove removes them all', async () => {
  await users(['add', 'lin'], PASSWORD)
  await execute(`INSERT INTO factors (id, user_id, friendly_name, sealed_seed, created_at, verified_at)
    SELECT 'f', id, 'phone', 'kid.iv.sealed', 1800000000, 1800000000 FROM users WHERE username = 'lin'`)
  await execute(`INSERT INTO recovery_codes (code_hash, user_id, used_at)
    SELECT 'a', id, NULL FROM users WHERE username = 'lin'
    UNION ALL SELECT 'b', id, 1800000000 FROM users WHERE username = 'lin'`)
  expect((await users(['factors', 'lin'])).stdout).toBe(
    `name   status    added (UTC)\nphone  verified  2027-01-15 08:00\nrecovery codes left: 1 of 2\n`,
  )
  const json = (await users(['factors', 'lin', '--json'])).stdout
  expect(JSON.parse(json)).toMatchObject({
    factors: [{ id: 'f', type: 'totp', friendly_name: 'phone', status: 'verified' }],
    recovery_codes: { total: 2, remaining: 1 },
  })
  expect(json).not.toContain('sealed')
  expect(await users(['factors', 'lin', '--remove'])).toEqual({
    code: 2,
    stdout: '',
    stderr:
      'This removes 1 second factor of lin with all recovery codes, so that the password is enough again, and ends 0 sessions, in the local database.\nNothing was changed: without a terminal, add --yes.\n',
  })
  expect((await users(['factors', 'lin', '--remove', '--yes'])).stdout).toBe(
    'lin: second factors removed, sessions revoked\n',
  )
  expect(JSON.parse((await users(['factors', 'lin', '--json'])).stdout)).toEqual({
    factors: [],
    recovery_codes: { total: 0, remaining: 0 },
  })
  const none = { code: 0, stdout: 'lin has no second factor.\n', stderr: '' }
  expect(await users(['factors', 'lin'])).toEqual(none)
  expect(await users(['factors', 'lin', '--remove'])).toEqual(none)
  for (const options of [[], ['--remove']])
    expect((await users(['factors', 'nobody', ...options])).code).toBe(1)
  await users(['remove', 'lin', '--yes'])
}, 180_000)

it('add --invite and reset print a link that works once, and no password is ever typed', async () => {
  const link = /^ {2}http:\/\/127\.0\.0\.1:8787\/#code=([0-9a-z-]{31})$/m
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
  for (const name of ['Adam', 'adele', 'bob']) await users(['remove', name, '--yes'])
})

it('the value for the next page can be pasted into a shell, regardless of the username', async () => {
  const name = "a';touch ${PWD}/pasted;'"
  for (const user of [name, 'b']) await users(['add', user], PASSWORD)
  const { stdout } = await users(['list', '--limit', '1'])
  const [, hint = ''] = /… and more: (--after .*)\n$/.exec(stdout) ?? []
  const words = execFileSync('sh', ['-c', `printf '%s\\n' ${hint}`], { cwd: project.folder })
  expect(words.toString()).toBe(`--after\n${name.toLowerCase()}\n`)
  expect(existsSync(join(project.folder, 'pasted'))).toBe(false)
  for (const user of [name, 'b']) await users(['remove', user, '--yes'])
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
  const everyone = await users(['logout', '--everyone', '--yes', '--json'])
  expect(everyone).toEqual({ code: 0, stdout: '{"ok":true,"sessions":1}\n', stderr: '' })
  expect(await countSessions('eve')).toBe(0)
  for (const name of ['ada', 'eve']) await users(['remove', name, '--yes'])
})

describe('without a terminal and --yes, a command that takes something away says what, and changes nothing:', () => {
  beforeAll(async () => {
    await users(['add', 'ada', '--role', 'admin,editor, of words'], PASSWORD)
    const now = Math.floor(Date.now() / 1000)
    await execute(
      `INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, user_agent, country)
      SELECT '${randomId()}', id, ${now}, ${now}, ${now + 600}, '', '' FROM users WHERE username = 'ada'`,
    )
  }, 60_000)

  it.each([
    [
      ['remove', 'ada'],
      'This removes ada (the roles admin, editor, of words) and ends 1 session, in the local database.',
    ],
    [
      ['roles', 'ada'],
      'This takes the roles admin, editor, of words from ada, who then has no roles, and ends 1 session, in the local database.',
    ],
    [
      ['roles', 'ada', '--role', 'editor,reader', '--role=of words'],
      'This takes the role admin from ada, who then has the roles editor, reader, of words, and ends 1 session, in the local database.',
    ],
    [['logout', '--everyone'], 'This ends 1 session of 1 user, in the local database.'],
  ])('%j', async (args, change) => {
    expect(await users(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: `${change}\nNothing was changed: without a terminal, add --yes.\n`,
    })
    expect(await list()).toMatchObject([{ roles: ['admin', 'editor', 'of words'] }])
    const { stdout } = await users(['sessions', 'ada', '--json'])
    expect(JSON.parse(stdout).sessions).toHaveLength(1)
  })

  it('roles asks nothing when no role is lost, and remove and roles report an unknown user', async () => {
    const more = ['--role', 'admin,editor,of words,reader']
    expect(await users(['roles', 'ada', ...more])).toMatchObject({ code: 0, stderr: '' })
    for (const verb of ['remove', 'roles'])
      expect(await users([verb, 'ghost'])).toMatchObject({
        code: 1,
        stderr: "There is no user 'ghost'. See 'npm run users -- list'.\n",
      })
    await users(['remove', 'ada', '--yes'])
  })
})

it('an empty list says that it is empty', async () => {
  const none = "There are no users. 'npm run users -- add <name>' creates one.\n"
  expect((await users(['list'])).stdout).toBe(none)
  expect((await users(['list', '--json'])).stdout).toBe('{"users":[],"next":null}\n')
  await users(['add', 'ada'], PASSWORD)
  const noMatch = "There is no user whose name begins with 'zz'.\n"
  expect((await users(['list', 'zz'])).stdout).toBe(noMatch)
  expect((await users(['list', '--after', 'ada'])).stdout).toBe('No more users.\n')
  expect((await users(['sessions', 'ada'])).stdout).toBe('ada is not logged in anywhere.\n')
  await users(['remove', 'ada', '--yes'])
})

it.each(['admin,', ',', ' ', 'a,,b'])(
  'a list with an empty role is rejected, and nobody is created: %j',
  async (role) => {
    const { code, stderr } = await users(['add', 'ada', '--role', role], PASSWORD)
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^Invalid roles/) })
    expect(await list()).toEqual([])
  },
)

it('events lists what happened to an account, also after its removal, or to all accounts', async () => {
  await users(['add', 'ada'], PASSWORD)
  await users(['disable', 'ada'])
  await users(['remove', 'ada', '--yes'])
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
      await users(['remove', 'eve', '--yes'])
    },
  )
})

describe('wrong usage exits with 2 and a short message, and repeats no password', () => {
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
    ['no command', [], 'Missing command.\n\n  add, '],
    ['no username', ['add'], 'Missing username. Usage: npm run users -- add <name>'],
    ['neither a username nor everyone', ['logout'], 'Missing username'],
    ['everyone and a username', ['logout', 'bob', '--everyone'], 'Too many arguments'],
    ['--everyone for remove', ['remove', '--everyone'], "'remove' does not accept --everyone"],
    ['--remove for list', ['list', '--remove'], "'list' does not accept --remove"],
    ['--role for disable', ['disable', 'x', '--role', 'x'], "'disable' does not accept --role"],
    ['--invite for reset', ['reset', 'x', '--invite'], "'reset' does not accept --invite"],
    ['--limit for logout', ['logout', 'x', '--limit', '5'], "'logout' does not accept --limit"],
    ['--limit for enable', ['enable', 'x', '--limit', '100'], "'enable' does not accept --limit"],
    ['--role for remove', ['remove', 'x', '--role='], "'remove' does not accept --role"],
    ['--after for add', ['add', 'x', '--after', 'x'], "'add' does not accept --after"],
    [
      'a limit that is not a number',
      ['list', '--limit', 'x'],
      '--limit must be between 1 and 10000',
    ],
  ])('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await users(args, PASSWORD)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/\nHelp: npm run users -- --help\n$/)
    expect(stderr).not.toMatch(/hunter2|Usage: npm run users -- <command>/)
  })
})
