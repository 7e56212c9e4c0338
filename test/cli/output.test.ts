import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { beforeAll, describe, expect, it } from 'vitest'

import { runWrangler } from '../../src/cli/cloudflare/wrangler.ts'
import { replaceFile } from '../../src/cli/terminal/output.ts'
import { createProject } from './project.ts'

const project = createProject()
const HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'
const COUNT = 3000

/** Runs a line of shell in the project, where $NODE is this Node. */
function runShell(line: string) {
  const { FORCE_COLOR: _, ...inherited } = process.env // with NO_COLOR, Node warns about it
  const env = { ...inherited, NODE: process.execPath }
  const { status, stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', line], {
    cwd: project.folder,
    encoding: 'utf8',
    env,
  })
  return { code: status, stdout: stdout.trim(), stderr }
}

beforeAll(async () => {
  const where = ['--local', '--cwd', project.folder]
  await runWrangler(['d1', 'migrations', 'apply', 'DB', ...where], 'keep')
  const lines = Array.from({ length: COUNT }, (_, at) => `person-${at},"${HASH}"`)
  project.write('people.csv', ['username,password_hash', ...lines].join('\n'))
  await project.run('users', ['import', 'people.csv'])
}, 120_000)

describe('a command writes all of its output, or fails:', () => {
  it.each([
    ['export -', COUNT + 1],
    [`list --limit ${COUNT}`, COUNT + 1],
  ])('%s into a slow pipe is complete', (args, lines) => {
    const { code, stdout } = runShell(`"$NODE" src/cli/users.ts ${args} | (sleep 3; wc -l)`)
    expect({ code, lines: Number(stdout) }).toEqual({ code: 0, lines })
  })

  it.each([
    'users.ts export -',
    'users.ts list --json',
    'users.ts --help',
    'keys.ts generate',
    'keys.ts --help',
    'deploy.ts --help',
    'client.ts --help',
  ])('%s onto a full disk exits with 1 and one line', (command) => {
    const { code, stderr } = runShell(`"$NODE" src/cli/${command} > /dev/full`)
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^ENOSPC.*\n$/) })
  })

  it('a reader that closes the pipe ends the command with one line', () => {
    const { code, stderr } = runShell(
      `"$NODE" src/cli/users.ts list --json --limit ${COUNT} | head -c 1`,
    )
    expect(code).toBe(1)
    expect(stderr).toBe('The output is incomplete: its reader has closed the pipe.\n')
  })
})

describe('a file is replaced as a whole, or stays as it was:', () => {
  it('its permissions and a symbolic link to it are kept', () => {
    const folder = mkdtempSync(join(tmpdir(), 'files-'))
    const [file, link] = [join(folder, 'file'), join(folder, 'link')]
    writeFileSync(file, 'old', { mode: 0o600 })
    symlinkSync(file, link)
    replaceFile(link, 'new')
    expect(readFileSync(file, 'utf8')).toBe('new')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('what was written is checked first', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'files-')), 'file')
    const check = () => {
      throw new Error('not as intended')
    }
    expect(() => replaceFile(file, 'new', { check })).toThrow('not as intended')
    expect(existsSync(file)).toBe(false)
  })
})
