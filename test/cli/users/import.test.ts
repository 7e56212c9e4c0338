import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { renderBar } from '../../../src/cli/terminal/progress.ts'
import { runWrangler } from '../../../src/cli/cloudflare/wrangler.ts'
import vectors from '../../vectors/scrypt.json'
import { createProject } from '../project.ts'

const project = createProject()
const users = (args: string[], input?: string) => project.run('users', args, input)
const read = (file: string) => readFileSync(join(project.folder, file), 'utf8')
const [HASH = '', OTHER_HASH = ''] = vectors.map(({ hash }) => hash)
const HEADER = 'username,password_hash'
const FLASK = `${HEADER},roles,created_at,disabled_at
ada,${HASH},admin editor,1714564800,
"O""Brien, Pat",${OTHER_HASH},,1714564801,1714564802
zoë,${OTHER_HASH},,1714564803,
`

/** The local database itself: no command has it open between two calls. */
function sql(command: string) {
  const files = globSync(`${project.folder}/.wrangler/state/v3/d1/*/*.sqlite`)
  const file = files.find((path) => !path.endsWith('metadata.sqlite')) ?? ''
  const database = new DatabaseSync(file)
  const rows = database.prepare(command).all()
  database.close()
  return rows
}
const COLUMNS = 'username, password_hash, roles, created_at, disabled_at'
const rows = () => sql(`SELECT ${COLUMNS} FROM users ORDER BY username`)
const names = () => rows().map(({ username }) => username)

beforeAll(async () => {
  const args = ['d1', 'migrations', 'apply', 'DB', '--local', '--cwd', project.folder]
  const { ok, stderr } = await runWrangler(args, 'keep')
  if (!ok) throw new Error(stderr)
}, 60_000)
beforeEach(() => void sql('DELETE FROM users'))

describe('an import', () => {
  it('adds all users of a file and prints how many', async () => {
    project.write('flask.csv', FLASK)
    expect(await users(['import', 'flask.csv'])).toEqual({
      code: 0,
      stdout:
        'imported                   3\nunchanged, exist already   0\nskipped, name taken        0\n',
      stderr: '',
    })
    expect(rows()).toMatchObject([
      {
        username: 'O"Brien, Pat',
        password_hash: OTHER_HASH,
        roles: '[]',
        created_at: 1_714_564_801,
        disabled_at: 1_714_564_802,
      },
      {
        username: 'ada',
        password_hash: HASH,
        roles: '["admin","editor"]',
        created_at: 1_714_564_800,
        disabled_at: null,
      },
      { username: 'zoë', password_hash: OTHER_HASH, roles: '[]', disabled_at: null },
    ])
  })

  it('reads JSON with a byte order mark from standard input', async () => {
    const row = JSON.stringify({ username: 'ada', password_hash: HASH })
    const { code, stdout } = await users(['import', '-', '--json'], `\uFEFF${row}\n`)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      dry_run: false,
      imported: 1,
      same: 0,
      skipped: 0,
    })
    expect(names()).toEqual(['ada'])
  })

  it('can be repeated: users who exist already, the same as in the file, are left unchanged', async () => {
    await users(['import', '-'], FLASK)
    const { code, stdout } = await users(['import', '-', '--json'], `${FLASK}bob,${HASH},,,\n`)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ imported: 1, same: 3 })
    expect(names()).toEqual(['O"Brien, Pat', 'ada', 'bob', 'zoë'])
  })

  it('with --dry-run checks the whole file and writes nothing', async () => {
    const { code, stdout } = await users(['import', '-', '--dry-run'], FLASK)
    expect(code).toBe(0)
    expect(stdout).toContain('would be imported          3\n')
    expect(names()).toEqual([])
  })
})

describe('an import of a file with invalid lines', () => {
  const BAD = `${FLASK}old,pbkdf2:sha256:600000$c2FsdA$aGFzaA,,,\n\u001B[31mred,${HASH},,,\n`

  it('names each invalid line and adds none of the valid ones', async () => {
    const { code, stdout, stderr } = await users(['import', '-'], BAD)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(
      `Nothing was imported:

  line 5 (old): password_hash: is PBKDF2 with more than 100,000 iterations, which Cloudflare does not support in production
  line 6: username: Contains a control or invisible character.
`,
    )
    expect(names()).toEqual([])
  })

  it('prints one JSON document with --json', async () => {
    const { code, stdout, stderr } = await users(['import', '-', '--json'], BAD)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      refused: [
        { at: 'line 5', username: 'old', reason: expect.stringContaining('PBKDF2') },
        { at: 'line 6', reason: expect.stringContaining('control') },
      ],
    })
  })

  it('rejects a name that is taken, and leaves that user unchanged', async () => {
    await users(['import', '-'], `${HEADER}\nada,${OTHER_HASH}\nZOË,${HASH}\n`)
    const before = rows()
    const { code, stderr } = await users(['import', '-'], FLASK)
    expect(code).toBe(1)
    expect(stderr).toContain('line 2 (ada): username: a user of this name exists already')
    expect(stderr).toContain('(zoë): username: a user of this name exists already')
    expect(rows()).toEqual(before)
  })

  it('skips names that are taken with --skip-existing', async () => {
    await users(['import', '-'], `${HEADER}\nada,${OTHER_HASH}\n`)
    const { code, stdout } = await users(['import', '-', '--skip-existing', '--json'], FLASK)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ imported: 2, same: 0, skipped: 1 })
    expect(rows()).toMatchObject([{}, { username: 'ada', password_hash: OTHER_HASH }, {}])
  })

  it('shows fifty of a thousand invalid lines', async () => {
    const lines = Array.from({ length: 1000 }, (_, index) => `user${index},secret${index}`)
    const { code, stderr } = await users(['import', '-'], [HEADER, ...lines].join('\n'))
    expect(code).toBe(1)
    expect(stderr.split('\n').filter((line) => line.startsWith('  line'))).toHaveLength(50)
    expect(stderr).toContain('… and 950 more')
    expect(stderr).not.toContain('secret')
  })
})

it('roles that SQLite has joined with commas are several roles', async () => {
  const lines = ['"admin,editor"', 'admin editor', '"admin, editor"', '"[""a,b""]"']
  const text = lines.map((roles, at) => `user-${at},${HASH},${roles}`).join('\n')
  expect((await users(['import', '-'], `${HEADER},roles\n${text}\n`)).code).toBe(0)
  const both = '["admin","editor"]'
  expect(rows().map(({ roles }) => roles)).toEqual([both, both, both, '["a,b"]'])
})

it.each([
  ['semicolons', ';'],
  ['tabs', '\t'],
])('a file that is separated by %s is rejected with this reason', async (name, separator) => {
  const text = `${HEADER}\nada,${HASH}\n`.replaceAll(',', separator)
  const { code, stderr } = await users(['import', '-'], text)
  expect(code).toBe(1)
  expect(stderr).toContain(`separated by ${name}, not commas`)
})

describe('an export', () => {
  it.each(['csv', 'json'])('as %s can be imported again without a difference', async (format) => {
    await users(['import', '-'], `${FLASK}roles,${HASH},"[""of words"",""[""]",,\n`)
    const file = `all.${format}`
    expect(await users(['export', file])).toEqual({
      code: 0,
      stdout: '4 users exported, with their password hashes: keep them safe.\n',
      stderr: '',
    })
    const before = rows()
    expect(before).toHaveLength(4)
    sql('DELETE FROM users')
    expect((await users(['import', file])).code).toBe(0)
    expect(rows()).toEqual(before)
  })

  it('creates a file that only its owner can read, and never overwrites one', async () => {
    await users(['import', '-'], FLASK)
    expect(JSON.parse((await users(['export', 'own.csv', '--json'])).stdout)).toEqual({
      ok: true,
      file: 'own.csv',
      users: 3,
    })
    expect(statSync(join(project.folder, 'own.csv')).mode & 0o777).toBe(0o600)
    project.write('mine.csv', 'mine')
    const { code, stderr } = await users(['export', 'mine.csv'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('EEXIST') })
    expect(read('mine.csv')).toBe('mine')
  })

  it('to standard output prints its warning to standard error', async () => {
    await users(['import', '-'], FLASK)
    const csv = await users(['export', '-'])
    expect(csv.stdout).toMatch(
      /^username,password_hash,.*\nada,scrypt[^\n]*\n"O""Brien, Pat",scrypt/,
    )
    expect(csv.stderr).toContain('keep them safe')
    const json = await users(['export', '-', '--json'])
    expect(JSON.parse(json.stdout)).toHaveLength(3)
  })

  it('without users has only a header', async () => {
    expect((await users(['export', '-'])).stdout).toBe(`${FLASK.split('\n')[0]}\n`)
    expect((await users(['export', '-', '--json'])).stdout).toBe('[\n\n]\n')
  })

  it('that fails leaves no file behind', async () => {
    sql('ALTER TABLE users RENAME TO away')
    const { code, stderr } = await users(['export', 'half.csv'])
    sql('ALTER TABLE away RENAME TO users')
    expect(code).toBe(1)
    expect(stderr).toContain('no such table: users')
    expect(() => read('half.csv')).toThrow('ENOENT')
  })
})

describe('a wrong usage is reported with what to do:', () => {
  it.each([
    ['no file to import', ['import'], 2, 'Missing file.'],
    ['no file to export to', ['export'], 2, 'Missing file.'],
    ['an unknown option is not repeated', ['import', 'x', '--hunter2'], 2, 'Unknown option'],
    ['two files', ['import', 'x', 'y'], 2, 'Too many arguments'],
    ['a missing file', ['import', 'nowhere.csv'], 1, 'ENOENT'],
    ['a file without users', ['import', '-'], 1, 'The file contains no users.'],
  ])('%s', async (_, args, code, message) => {
    const outcome = await users(args, `${HEADER}\n`)
    expect(outcome).toMatchObject({ code, stdout: '' })
    expect(outcome.stderr).toContain(message)
    expect(outcome.stderr).not.toContain('hunter2')
  })

  it('a file that is not UTF-8 is rejected', async () => {
    const bytes = Buffer.from(`${HEADER}\nzo\u00EB,${HASH}\n`, 'latin1')
    writeFileSync(join(project.folder, 'latin1.csv'), bytes)
    const { code, stderr } = await users(['import', 'latin1.csv'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('utf-8') })
  })

  it.each(['import', 'export'])('%s --help shows the usage', async (command) => {
    const { code, stdout } = await users([command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: npm run users -- ${command}`)
  })
})

it('the progress bar shows the share that is done', () => {
  expect(renderBar('Writing', 0, 4000)).toBe(`Writing [${'-'.repeat(30)}] 0 % of 4,000`)
  expect(renderBar('Writing', 1000, 4000)).toBe(`Writing [########${'-'.repeat(22)}] 25 % of 4,000`)
  expect(renderBar('Writing', 4000, 4000)).toBe(`Writing [${'#'.repeat(30)}] 100 % of 4,000`)
})
