import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

const COMMANDS = ['dev', 'deploy', 'demo', 'users', 'keys', 'client', 'openapi']
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>
}

/** Creates a copy of the project without packages. */
function createCopy() {
  const folder = mkdtempSync(join(tmpdir(), 'start-'))
  for (const entry of ['src', 'package.json', 'wrangler.toml'])
    cpSync(entry, join(folder, entry), { recursive: true })
  return folder
}

/** Runs a script of package.json, with another version of Node if given. */
function run(folder: string, name: string, version = process.versions.node) {
  const [, file = '', ...args] = (scripts[name] ?? '').split(' ')
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`
  const imported = `data:text/javascript,${encodeURIComponent(pretend)}`
  const options = { cwd: folder, encoding: 'utf8' } as const
  return spawnSync(process.execPath, ['--import', imported, file, ...args, '--help'], options)
}

describe('a command that cannot run yet says in one line what to do:', () => {
  it.each(COMMANDS)('npm run %s before npm install', (name) => {
    const { status, stdout, stderr } = run(createCopy(), name)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toBe("Nothing is installed yet. Run 'npm install' first.\n")
  })

  it.each(['20.20.2', '22.17.9', '18.0.0'])('with Node %s', (version) => {
    const folder = createCopy()
    mkdirSync(join(folder, 'node_modules'))
    const { status, stderr } = run(folder, 'users', version)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^This is Node .*'npm rebuild node'.*\n$/)
  })

  it('with a package missing', () => {
    const folder = createCopy()
    mkdirSync(join(folder, 'node_modules'))
    const { status, stderr } = run(folder, 'users')
    expect(status).toBe(1)
    expect(stderr).toMatch(/^A package is missing. Run 'npm install'/)
    expect(stderr).not.toMatch(/\n +at /)
  })
})

it.each(COMMANDS)('npm run %s runs with everything installed', (name) => {
  const { status, stdout } = run('.', name)
  expect(status).toBe(0)
  expect(stdout).toContain(`Usage: npm run ${name}`)
})

it('the prepare script succeeds without development dependencies', () => {
  const folder = createCopy()
  mkdirSync(join(folder, 'node_modules'))
  for (const name of ['docs/swagger-ui-bundle.js', 'docs/swagger-ui.css', 'lean-qr.js'])
    rmSync(join(folder, 'src/public', name), { force: true })
  const { status, stderr } = spawnSync('sh', ['-c', scripts['prepare'] ?? 'false'], {
    cwd: folder,
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})
