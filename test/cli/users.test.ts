import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { runWrangler } from '../../src/cli/wrangler.ts'
import { createProject } from './project.ts'

const project = createProject()
const users = (args: string[], input?: string) => project.run('users', args, input)
const list = async () => JSON.parse((await users(['list', '--json'])).stdout)
const PASSWORD = 'correct horse battery\n'

beforeAll(async () => {
  const args = ['d1', 'migrations', 'apply', 'DB', '--local', '--cwd', project.folder]
  const { ok, stderr } = await runWrangler(args, 'keep')
  if (!ok) throw new Error(stderr)
}, 60_000)
afterAll(() => project.remove())

it('a user goes through add, list, passwd, roles, disable, enable and remove', async () => {
  expect(await users(['add', 'ada', '--role', 'admin', '--role', 'editor'], PASSWORD)).toEqual({
    code: 0,
    stdout: 'ada: added\n',
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
    'ada: password changed, sessions ended\n',
  )
  expect((await users(['roles', 'ada', '--role', 'reader'])).stdout).toBe(
    'ada: roles set, sessions ended\n',
  )
  expect((await users(['disable', 'ada'])).stdout).toBe('ada: disabled, sessions ended\n')
  expect(await list()).toMatchObject([{ roles: ['reader'], disabled_at: expect.any(Number) }])
  expect((await users(['enable', 'ada'])).stdout).toBe('ada: enabled\n')
  expect(await list()).toMatchObject([{ disabled_at: null }])
  expect((await users(['remove', 'ada', '--json'])).stdout).toBe('{"ok":true,"username":"ada"}\n')
  expect(await list()).toEqual([])
})

describe('what cannot be done exits with 1, says why, and changes nothing:', () => {
  it.each([
    [
      'a short password',
      ['add', 'bob'],
      'short\n',
      'Password refused: Shorter than minimum length 15.',
    ],
    ['no password', ['add', 'bob'], '', 'Password refused: Shorter than minimum length 15.'],
    [
      'a common password',
      ['add', 'bob'],
      '1qaz2wsx3edc4rfv\n',
      'Password refused: Is a common password.',
    ],
    [
      'the name in the password',
      ['add', 'robert'],
      'Robert likes horses',
      'Password refused: Contains the username.',
    ],
    [
      'a name with a control character',
      ['add', 'bob\n'],
      PASSWORD,
      'Username refused: Holds a control or invisible character.',
    ],
    [
      'a name with a space before it',
      ['add', ' bob'],
      PASSWORD,
      'Username refused: Begins or ends with white space.',
    ],
    [
      'a long name',
      ['add', 'b'.repeat(65)],
      PASSWORD,
      'Username refused: Longer than maximum length 64.',
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

  it('a name that is taken', async () => {
    await users(['add', 'eve'], PASSWORD)
    expect(await users(['add', 'eve'], PASSWORD)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("'eve' already"),
    })
    await users(['remove', 'eve'])
  })
})

describe('wrong usage exits with 2, shows the usage, and repeats no password:', () => {
  it.each([
    [
      'a password as an option',
      ['add', 'bob', '--password', 'hunter2'],
      'Passwords are never options',
    ],
    ['a password as an argument', ['add', 'bob', 'hunter2'], 'A password is never one'],
    ['an unknown command', ['delete', 'bob'], "Unknown command 'delete'"],
    ['nobody named', ['add'], 'Whom?'],
  ])('%s', async (_, args, message) => {
    const { code, stdout, stderr } = await users(args, PASSWORD)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).not.toContain('hunter2')
  })
})

it('--help, or nothing, shows the usage', async () => {
  for (const args of [['--help'], []]) {
    const { code, stdout } = await users(args)
    expect(code).toBe(0)
    expect(stdout).toContain('Usage: npm run users')
  }
})
