import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

import { beforeAll, expect, it } from 'vitest'

import { runWrangler } from '../../../src/cli/cloudflare/wrangler.ts'
import { createProject } from '../project.ts'

const project = createProject()
const git = (...args: string[]) => execFileSync('git', args, { cwd: project.folder })
const exportTo = (file: string) => project.run('users', ['export', file])
const exists = (file: string) => existsSync(join(project.folder, file))

beforeAll(async () => {
  const where = ['--local', '--cwd', project.folder]
  await runWrangler(['d1', 'migrations', 'apply', 'DB', ...where], 'keep')
  git('init', '-q')
  project.write('.gitignore', readFileSync('.gitignore', 'utf8'))
  mkdirSync(join(project.folder, 'backup'))
  symlinkSync('backup', join(project.folder, 'link'))
}, 60_000)

it.each(['all.csv', 'backup/of today.csv', 'users.json'])(
  'an export into a file that git ignores is written: %s',
  async (file) => {
    expect(await exportTo(file)).toMatchObject({ code: 0, stderr: '' })
    expect(exists(file)).toBe(true)
  },
)

it.each(['people.json', 'backup/users.json', 'link/x.txt', ':(glob)x', '-x'])(
  'an export into a file that git would commit is refused before anything is written: %s',
  async (file) => {
    const path = file.startsWith('-') ? `./${file}` : file
    const { code, stdout, stderr } = await exportTo(path)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      /^Nothing was written: git does not ignore .*, here for example all\.csv/,
    )
    expect(exists(file)).toBe(false)
  },
)

it.runIf(existsSync('/proc/self/fd'))(
  'an export that a shell sends into a file is refused where git would commit that file',
  () => {
    const toFile = (file: string) => {
      const line = `"${process.execPath}" src/cli/users.ts export - > ${file}`
      return spawnSync('sh', ['-c', line], { cwd: project.folder, encoding: 'utf8' })
    }
    expect(toFile('people.txt')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('git'),
    })
    expect(readFileSync(join(project.folder, 'people.txt'), 'utf8')).toBe('')
    expect(toFile('people.csv').status).toBe(0)
    expect(readFileSync(join(project.folder, 'people.csv'), 'utf8')).toMatch(/^username,/)
  },
)

it('an export into a repository that git cannot read is refused, and without a repository written', async () => {
  project.write('.git/HEAD', 'unreadable')
  expect(await exportTo('later.csv')).toMatchObject({ code: 1, stdout: '' })
  renameSync(join(project.folder, '.git'), join(project.folder, 'git'))
  expect(await exportTo('people.json')).toMatchObject({ code: 0, stderr: '' })
})
