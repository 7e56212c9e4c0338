import { execFile } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { expect, it } from 'vitest'

import { freePort, startDev } from './dev-server.ts'
import { createProject } from './project.ts'

// What the page for developers says about removing a part, done to copies of the project.

const [, section = ''] = readFileSync('src/routes/README.md', 'utf8').split('## Remove a part\n')
const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '))
const parts = rows.slice(2).map((row) => {
  const [, name = '', deleted = '', lines = ''] = row.split('|').map((cell) => cell.trim())
  return {
    name,
    paths: [...deleted.matchAll(/`([^`]+)`/g)].map(([, path = '']) => `src/${path}`),
    lines: [...lines.matchAll(/`([^`]+)` in `([^`]+)`/g)].map(([, word = '', file = '']) => {
      return { word, file: `src/${file}` }
    }),
  }
})

/** A copy may have removed parts already. */
const present = parts.filter(({ paths }) => paths.every((path) => existsSync(path)))

/** Not `src/public`: it contains code of packages. */
const LINTED = ['app.ts', 'index.ts', 'auth', 'cli', 'db', 'routes', 'rpc'].map(
  (path) => `src/${path}`,
)

type Project = ReturnType<typeof createProject>

function remove(project: Project, { paths, lines }: (typeof parts)[number]): void {
  for (const path of paths) rmSync(join(project.folder, path), { recursive: true })
  for (const { word, file } of lines) {
    const before = readFileSync(join(project.folder, file), 'utf8').split('\n')
    const after = before.filter((line) => !line.includes(word))
    expect(before.length - after.length).toBeGreaterThan(0)
    project.write(file, after.join('\n'))
  }
}

/** Runs a program in the project and returns its output, also when it fails. */
const run = (project: Project, program: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, [join('node_modules', program), ...args], {
    cwd: project.folder,
    env: { ...process.env, NO_COLOR: '1', WRANGLER_SEND_METRICS: 'false' },
  }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
  )

it('the page says how to remove three parts', () => {
  expect(parts.map(({ name }) => name)).toEqual(['second factor', 'account activity', 'RPC guard'])
})

it.each(present)(
  'without its $name, the project compiles, and the linter accepts it',
  async (part) => {
    const project = createProject()
    for (const file of ['tsconfig.json', '.oxlintrc.json']) cpSync(file, join(project.folder, file))
    remove(project, part)
    expect(await run(project, 'typescript/bin/tsc')).toBe('')
    expect(await run(project, 'oxlint/bin/oxlint', '--deny-warnings', ...LINTED)).toContain(
      '0 errors',
    )
  },
  60_000,
)

it('without its optional parts, the Worker runs, and a password alone does not log in a user with a second factor', async () => {
  const project = createProject()
  for (const part of present) remove(project, part)
  const port = await freePort()
  const dev = await startDev(project, port)
  try {
    const send = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
      return { status: response.status, body: await response.json() }
    }
    const login = () =>
      send('/login', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{"username":"cosmo","password":"space-corgi"}',
      })
    const { status, body } = await login()
    expect({ status, body }).toMatchObject({ status: 200, body: { token_type: 'Bearer' } })
    const { access_token: token } = body as { access_token: string }
    const headers = { Authorization: `Bearer ${token}` }
    expect(await send('/protected', { headers })).toMatchObject({ status: 200 })
    for (const path of ['/me/factors', '/me/events', '/events'])
      expect(await send(path, { headers })).toMatchObject({ status: 404 })
    const sql = `INSERT INTO factors (id, user_id, friendly_name, sealed_seed, created_at, verified_at)
      SELECT 'x', id, 'phone', 'x', 1, 1 FROM users WHERE username = 'cosmo'`
    await run(
      project,
      'wrangler/bin/wrangler.js',
      'd1',
      'execute',
      'DB',
      '--local',
      `--command=${sql}`,
    )
    expect(await login()).toMatchObject({ status: 401 })
  } finally {
    await dev.stop()
  }
}, 60_000)
