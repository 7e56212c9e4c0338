import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { quote, quoteAlways } from '../../../src/cli/terminal/quote.ts'
import { createProject } from '../project.ts'

const project = createProject()

/** Runs `npm run <line>` as it is typed. */
function runNpm(line: string) {
  const { FORCE_COLOR: _, ...inherited } = process.env // with NO_COLOR, Node warns about it
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `npm run -s ${line}`], {
    cwd: project.folder,
    encoding: 'utf8',
    env: { ...inherited, npm_config_yes: '' },
  })
  return { code: status, stdout, stderr }
}

describe("an option that npm keeps, because '--' is missing, stops the command with the right line:", () => {
  it.each([
    ['users import x.csv --dry-run', 'users -- import x.csv --dry-run'],
    ['users import x.csv --env staging', 'users -- import x.csv --env staging'],
    ['users list --remote', 'users -- list --remote'],
    ['users list --env=staging', 'users -- list --env staging'],
    ['users list --json --limit 5', 'users -- list --json --limit 5'],
    ['users roles ada --role admin', 'users -- roles ada --role admin'],
    ['users remove ada --yes', 'users -- remove ada --yes'],
    ["users export 'my file' --remote", "users -- export 'my file' --remote"],
    ['keys rotate promote --remote', 'keys -- rotate promote --remote'],
    ['deploy --dry-run', 'deploy -- --dry-run'],
    ['deploy --env staging', 'deploy -- --env staging'],
  ])('npm run %s', (typed, right) => {
    const { code, stderr } = runNpm(typed)
    expect(code).toBe(2)
    expect(stderr).toMatch(/^Nothing was done: npm has kept --/)
    const [, line = ''] = /\n\n {2}npm run (.*)\n$/.exec(stderr) ?? []
    const options = (text: string) => text.split(/ (?=--\w)/).toSorted()
    expect(options(line)).toEqual(options(right))
    expect(existsSync(join(project.folder, '.wrangler'))).toBe(false)
  })

  it('and does not repeat what may be a password', () => {
    const { code, stderr } = runNpm('users add bob hunter2 --role admin')
    expect(code).toBe(2)
    expect(stderr).not.toContain('hunter2')
  })

  it('even where npm turns a long option into three short ones', () => {
    const { code, stderr } = runNpm('keys rotate stage --alg EdDSA')
    expect(code).toBe(2)
    expect(stderr).toContain("Options come after '--': npm run keys -- rotate stage --alg EdDSA")
  })

  it('but not when the option was passed on as well', () => {
    expect(runNpm('users -- list --json --limit 0').stderr).toContain('--limit must be between')
  })
})

it.each(['toString', 'constructor', '__proto__', 'hasOwnProperty'])(
  'what every object inherits is not a valid command or step: %s',
  async (name) => {
    const ring = "JWT_SECRET='Tm90IGEgc3R1YiwganVzdCBhIHRlc3Qga2V5IQ=='\n"
    project.write('.dev.vars', ring)
    for (const [command, args] of [
      ['users', [name]],
      ['users', [name, 'ada']],
      ['keys', [name]],
      ['keys', ['rotate', name]],
    ] as const) {
      const { code, stdout, stderr } = await project.run(command, [...args])
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).not.toMatch(/\n +at /)
    }
    expect(readFileSync(join(project.folder, '.dev.vars'), 'utf8')).toBe(ring)
  },
)

it.each(["a';touch ${HOME}/x;'", '$(id)', '`id`', 'a b', '"', '\\', '*', '', '~', "''", '!x', 'é'])(
  'an argument in a printed command reaches the shell as it is: %j',
  (argument) => {
    for (const quoted of [quote(argument), quoteAlways(argument)]) {
      const { stdout } = spawnSync('sh', ['-c', `printf %s ${quoted}`], { encoding: 'utf8' })
      expect(stdout).toBe(argument)
    }
  },
)
