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

1: hash unsupported (1 PBKDF2). --skip-unsupported skips them.
1 to correct in the file.
`,
    )
    expect(names()).toEqual([])
  })

  it('prints one JSON document with --json', async () => {
    const { code, stdout, stderr } = await users(['import', '-', '--json'], BAD)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      counts: { taken: 0, unsupported: 1, invalid: 1 },
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
    expect(stderr).toMatch(/\n\n2: name taken. --skip-existing skips them.\n$/)
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

describe('users whose hash cannot be imported', () => {
  const BCRYPT = '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW'
  const OLD = `${HEADER}
ada,${HASH}
old,pbkdf2:sha256:600000$c2FsdA$aGFzaA
older,pbkdf2:sha256:260000$c2FsdA$aGFzaA
bob,${BCRYPT}
google,
taken,${HASH}
`

  it('are skipped with --skip-unsupported, listed and counted by format', async () => {
    await users(['import', '-'], `${HEADER}\ntaken,${OTHER_HASH}\n`)
    const skip = ['--skip-unsupported', '--skip-existing']
    const { code, stdout, stderr } = await users(['import', '-', ...skip], OLD)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      'imported                   1',
      'unchanged, exist already   0',
      'skipped, name taken        1',
      'skipped, hash unsupported  4',
    ])
    expect(stdout).toContain('  line 3 (old): password_hash: is PBKDF2 with more than 100,000')
    expect(stdout).toContain('hash unsupported (2 PBKDF2, 1 bcrypt, 1 empty). Invite these users')
    expect(stdout).not.toContain(BCRYPT.slice(-20))
    expect(names()).toEqual(['ada', 'taken'])
  })

  it('are named with the option that skips them, and nobody is imported without it', async () => {
    await users(['import', '-'], `${HEADER}\ntaken,${OTHER_HASH}\n`)
    const { code, stderr } = await users(['import', '-'], OLD)
    expect(code).toBe(1)
    expect(stderr).toContain('\n1: name taken. --skip-existing skips them.\n')
    expect(stderr).toContain(
      '\n4: hash unsupported (2 PBKDF2, 1 bcrypt, 1 empty). --skip-unsupported skips them.\n',
    )
    expect(names()).toEqual(['taken'])
  })

  it('are not skipped when something else is wrong as well', async () => {
    const text = `${HEADER}\n${'x'.repeat(65)},${BCRYPT}\nada,${HASH}\nada,${BCRYPT}\n`
    const { code, stdout } = await users(['import', '-', '--skip-unsupported', '--json'], text)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      counts: { taken: 0, unsupported: 0, invalid: 1 },
      refused: [{ at: 'line 2' }],
    })
    expect(names()).toEqual([])
  })

  it('are in the JSON document with --json', async () => {
    const args = ['import', '-', '--skip-unsupported', '--json']
    const { stdout } = await users(args, OLD)
    const { imported, unsupported } = JSON.parse(stdout)
    expect({ imported, count: unsupported.length }).toEqual({ imported: 2, count: 4 })
    expect(unsupported[2]).toEqual({
      at: 'line 5',
      username: 'bob',
      reason: 'password_hash: is bcrypt, which is not supported',
    })
  })
})

describe('what Postgres and Excel export is imported:', () => {
  const ARGON2 =
    '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'
  const ALL = 'username,password_hash,roles,created_at,disabled_at'
  const bytea = `\\x${Buffer.from(ARGON2).toString('hex')}`
  const ada = {
    username: 'ada',
    password_hash: ARGON2,
    roles: '["admin","of words"]',
    created_at: 1_714_564_800,
    disabled_at: null,
  }
  const bob = { ...ada, username: 'bob', roles: '[]', disabled_at: 1_714_564_801 }
  const excel = (separator: string) =>
    [
      ALL.replaceAll(',', separator).concat(separator),
      ['ada', `"${ARGON2}"`, '"[""admin"",""of words""]"', '2024-05-01 12:00', '', ''].join(
        separator,
      ),
      ['bob', `"${ARGON2}"`, '', '1714564800', '1714564801', ''].join(separator),
      separator.repeat(5),
      '',
    ].join('\r\n')

  it.each([
    [
      'psql --csv, with an array, a bytea and timestamps',
      `${ALL}
ada,${bytea},"{admin,""of words""}",2024-05-01 12:00:00+00,
bob,"${ARGON2}",{},2024-05-01 14:00:00.5+02,1714564801.25
`,
    ],
    [
      'json_agg of Postgres',
      `[{"username":"ada","password_hash":"\\${bytea}","roles":["admin","of words"],"created_at":"2024-05-01T12:00:00+00:00","disabled_at":null},
 {"username":"bob","password_hash":"${ARGON2}","roles":[],"created_at":"2024-05-01T12:00:00","disabled_at":1714564801}]
`,
    ],
    ['CSV UTF-8 of Excel, with a byte order mark, CRLF and empty columns', `\uFEFF${excel(',')}`],
    ['CSV of Excel with semicolons', `\uFEFF${excel(';')}`],
    ['CSV for Excel that begins with its separator', `sep=;\r\n${excel(';')}`],
    [
      'columns in capitals',
      excel(';').replace('username;password_hash', ' Username;PASSWORD_HASH '),
    ],
  ])('%s', async (_, text) => {
    expect(await users(['import', '-'], text)).toMatchObject({ code: 0, stderr: '' })
    expect(rows()).toEqual([ada, bob])
  })

  it('Unicode Text of Excel, which is UTF-16 with tabs', async () => {
    const file = join(project.folder, 'unicode.txt')
    writeFileSync(file, Buffer.from(`\uFEFF${excel('\t')}`, 'utf16le'))
    expect(await users(['import', 'unicode.txt'])).toMatchObject({ code: 0, stderr: '' })
    expect(rows()).toEqual([ada, bob])
  })
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
    expect(stderr).toContain("In a spreadsheet, save it as 'CSV UTF-8'.")
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
