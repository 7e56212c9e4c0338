import { spawnSync } from 'node:child_process'

import { describe, expect, it } from 'vitest'

import { findNearest } from '../../../src/cli/terminal/usage.ts'

/** Runs a command as npm does. It changes nothing: each line is a request for help, or wrong. */
function run(line: string) {
  const args = ['src/cli/start.js', ...line.split(' ')]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { code: status, stdout, stderr }
}

const COMMANDS = ['dev', 'deploy', 'demo', 'users', 'keys', 'client', 'openapi']

describe('help is printed when asked for, in lines of at most 80 characters:', () => {
  it.each([
    ...COMMANDS.flatMap((name) => [`${name} --help`, `${name} -h`, `${name} help`]),
    'users add -h',
    'users help roles',
    'users import --help',
    'users export -h',
    'keys rotate --help',
  ])('npm run %s', (line) => {
    const { code, stdout, stderr } = run(line)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: npm run /)
    expect(stdout.split('\n').filter((text) => [...text].length > 80)).toEqual([])
  })
})

describe('wrong usage exits with 2 and a short message, without the help:', () => {
  it.each([
    ['users lst', "Unknown command 'lst'. Did you mean 'list'?"],
    ['users delete bob', "Unknown command 'delete'. Did you mean 'remove'?"],
    ['users toString', /^Unknown command 'toString'.\n\n {2}add, reset, [^]*export\n\nHelp: /],
    ['users', /^Missing command.\n\n {2}add, /],
    ['users --json import x', "'import' comes before its options."],
    ['users list --limits 5', 'Unknown option. Did you mean --limit?'],
    ['users list --json=1', '--json does not take a value.'],
    ['users roles bob --role', '--role needs a value.'],
    ['users roles bob --role --json', /^--role needs a value. One that begins with a hyphen/],
    ['users import', 'Missing file. Usage: npm run users -- import <file>'],
    ['users import x --dry-runs', 'Unknown option. Did you mean --dry-run?'],
    ['keys rotated', "Unknown command 'rotated'. Did you mean 'rotate'?"],
    ['keys rotate stages', "Unknown command 'rotate stages'. Did you mean 'rotate stage'?"],
    ['keys rotate', 'Missing step. Usage: npm run keys -- rotate stage | promote | retire'],
    ['keys', /^Missing command.\n\n {2}generate, status, rotate\n/],
    ['deploy --wait', '--wait needs a value.'],
    ['deploy --dry-rum', 'Unknown option. Did you mean --dry-run?'],
    ['demo x y', 'Too many arguments.'],
  ])('npm run %s', (line, message) => {
    const { code, stdout, stderr } = run(line)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    const [script, command] = line.split(' ')
    const words = line.startsWith('users import') ? `${script} -- ${command}` : `${script} --`
    expect(stderr).toMatch(new RegExp(`\nHelp: npm run ${words} --help\n$`))
    expect(stderr.split('\n').length).toBeLessThan(9)
    expect(stderr.split('\n').filter((text) => text.length > 100)).toEqual([])
  })
})

it.each([
  ['lists', 'list'],
  ['LIST', 'list'],
  ['log out', 'logout'],
  ['ses', 'sessions'],
  ['rm', 'remove'],
  ['weather', undefined],
  ['a', undefined],
])('the nearest command to %s is %s', (word, nearest) => {
  expect(findNearest(word, ['list', 'logout', 'sessions', 'remove', 'add'])).toBe(nearest)
})

it('a very long word has no nearest command, and is not compared letter by letter', () => {
  expect(findNearest('x'.repeat(5_000_000), ['list'])).toBe(undefined)
})
