import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startCloudflare, TOKEN } from './cloudflare/stand-in.ts'
import { createProject, type Outcome } from './project.ts'

const MINUTES = 60_000
const PASSWORD = 'correct horse battery'

type Cloudflare = Awaited<ReturnType<typeof startCloudflare>>
type Project = ReturnType<typeof createProject>

/** Creates a fresh clone, logged in to an empty account of the fake Cloudflare. */
async function startStory() {
  const project = createProject()
  const cloudflare = await startCloudflare()
  const read = (file: string) => readFileSync(join(project.folder, file), 'utf8')
  return {
    project,
    cloudflare,
    read,
    deploy: (args: string[] = ['--url', cloudflare.url], env: Record<string, string> = {}) =>
      project.run('deploy', args, '', { ...cloudflare.env, ...env }),
    /** Returns everything that a deployment may change. */
    snapshot: async () => ({
      toml: read('wrangler.toml'),
      ring: existsSync(join(project.folder, '.keys.production')) && read('.keys.production'),
      databases: [...cloudflare.databases],
      secrets: readSecrets(cloudflare),
      migrations: await readMigrations(cloudflare),
    }),
    end: () => cloudflare.stop(),
  }
}

const readSecrets = ({ workers }: Cloudflare) =>
  [...workers.values()].flat().filter(({ type }) => type === 'secret_text')

async function readMigrations({ databases, query }: Cloudflare) {
  const [database] = databases
  if (!database) return []
  const [answer] = await query(database.uuid, { sql: 'SELECT name FROM d1_migrations ORDER BY id' })
  return answer?.results.map((row) => (row as { name: string }).name)
}

const secretsIn = (ring: string | false) =>
  [...(ring || '').matchAll(/^(?:JWT|DATA)_SECRET='(.*)'$/gm)].map(([, secret]) => secret)

const diffLines = (before: string, after: string) =>
  after.split('\n').filter((line, index) => line !== before.split('\n')[index])

describe('npm run deploy from a fresh clone', () => {
  let story: Awaited<ReturnType<typeof startStory>>
  let calls: ReturnType<Project['watchWrangler']>
  let original: string
  let outcome: Outcome
  beforeAll(async () => {
    story = await startStory()
    calls = story.project.watchWrangler()
    original = story.read('wrangler.toml')
    outcome = await story.deploy()
  }, 2 * MINUTES)
  afterAll(() => story.end())

  it('runs its steps and says what to do next', () => {
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    const titles = [...outcome.stdout.matchAll(/^([A-Z][\w-]+) … /gm)].map(([, title]) => title)
    expect(titles).toEqual([
      'Settings',
      'Login',
      'Database',
      'Migrations',
      'Secret',
      'Deployment',
      'Readiness',
    ])
    expect(outcome.stdout).toContain(`Readiness … ${story.cloudflare.url} is ready`)
    expect(outcome.stdout).toContain("JWT_ISSUER is still 'latchkey'")
    expect(outcome.stdout.trimEnd()).toMatch(
      /Next: invite an admin, 'npm run users -- add <name> --invite --role admin --remote'\.$/,
    )
  })

  it('creates the database and changes only its id in wrangler.toml', () => {
    const [{ uuid, name } = { uuid: '', name: '' }] = story.cloudflare.databases
    expect(name).toBe('latchkey')
    expect(diffLines(original, story.read('wrangler.toml'))).toEqual([`database_id = "${uuid}"`])
  })

  it('applies every migration', async () => {
    expect(await readMigrations(story.cloudflare)).toEqual(readdirSync('src/db/migrations'))
  })

  it('creates secrets that only their owner can read, and prints them nowhere', () => {
    const pattern = /^JWT_SECRET='([\w+/]{43}=)'\nDATA_SECRET='([\w+/]{43}=)'\n$/
    const [, signing = '', data = ''] = pattern.exec(story.read('.keys.production')) ?? []
    expect(data).not.toBe('')
    expect(statSync(join(story.project.folder, '.keys.production')).mode & 0o777).toBe(0o600)
    expect(readSecrets(story.cloudflare)).toEqual([
      { type: 'secret_text', name: 'JWT_SECRET', text: signing },
      { type: 'secret_text', name: 'DATA_SECRET', text: data },
    ])
    const shown = outcome.stdout + outcome.stderr + JSON.stringify(calls())
    for (const hidden of [signing, data, TOKEN]) expect(shown).not.toContain(hidden)
    expect(calls().at(-1)?.args).toEqual(['deploy', '--secrets-file', '.keys.production'])
  })

  it('deploys a Worker to which the user created next can log in', async () => {
    const args = ['add', 'ada', '--role', 'admin', '--remote']
    const added = await story.project.run('users', args, PASSWORD, story.cloudflare.env)
    expect(added).toEqual({ code: 0, stdout: 'ada: created\n', stderr: '' })
    const login = await fetch(`${story.cloudflare.url}/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': '192.0.2.1' },
      body: JSON.stringify({ username: 'ada', password: PASSWORD }),
    })
    const { access_token: token } = (await login.json()) as { access_token: string }
    const headers = { Authorization: `Bearer ${token}` }
    expect((await fetch(`${story.cloudflare.url}/protected`, { headers })).status).toBe(200)
  })

  it('succeeds a second time and changes nothing', async () => {
    const before = await story.snapshot()
    story.cloudflare.asked.length = 0
    const again = await story.deploy()
    expect(again).toMatchObject({ code: 0, stderr: '' })
    expect(again.stdout).toMatch(
      /Database … latchkey exists\nMigrations … none to apply\nSecret … exists\n/,
    )
    expect(await story.snapshot()).toEqual(before)
    expect(story.cloudflare.asked).not.toContain('POST /d1/database')
  })
})

it(
  'a failed step says what was done and what to run next, and the next run continues from there',
  async () => {
    const { project, cloudflare, deploy, snapshot, end } = await startStory()
    const refusal = { status: 500, code: 10013, message: 'Refused by the stand-in' }
    const broken = 'src/db/migrations/9999_broken.sql'
    const stories: [title: string, done: string, says: string, spoil: () => unknown][] = [
      [
        'Login',
        'Settings',
        'Authentication error',
        () =>
          cloudflare.refuse('GET /accounts', {
            ...refusal,
            status: 403,
            message: 'Authentication error',
          }),
      ],
      [
        'Database',
        'Settings, Login',
        refusal.message,
        () => cloudflare.refuse('POST /d1/database', refusal),
      ],
      [
        'Migrations',
        'Settings, Login, Database',
        '9999_broken.sql',
        () => project.write(broken, 'CREATE TABLE broken (;'),
      ],
      [
        'Secret',
        'Settings, Login, Database, Migrations',
        refusal.message,
        () => cloudflare.refuse('GET /workers/scripts/latchkey/secrets', refusal),
      ],
      [
        'Deployment',
        'Settings, Login, Database, Migrations, Secret',
        refusal.message,
        () => cloudflare.refuse('PUT /workers/scripts/latchkey', refusal),
      ],
      [
        'Readiness',
        'Settings, Login, Database, Migrations, Secret, Deployment',
        'npx wrangler rollback',
        () => undefined,
      ],
    ]
    const gone = ['--url', 'http://127.0.0.1:1', '--wait', '0']
    const rings = new Set<string>()
    for (const [title, done, says, spoil] of stories) {
      spoil()
      const { code, stdout, stderr } = await deploy(gone)
      expect({ title, code }).toEqual({ title, code: 1 })
      expect(stdout).not.toContain('Next: invite an admin')
      expect(stderr).toContain(`${title} failed. `)
      expect(stderr).toContain(says)
      expect(stderr).toContain(`\nDone before: ${done}.\n`)
      expect(stderr).toContain(
        `Next: fix this, then run 'npm run deploy -- ${gone.join(' ')}' again`,
      )
      const after = await snapshot()
      for (const hidden of [TOKEN, ...secretsIn(after.ring)])
        expect(stdout + stderr).not.toContain(hidden)
      if (after.ring) rings.add(after.ring)
      cloudflare.accept()
      if (title === 'Migrations') project.write(broken, 'SELECT 1;')
    }
    expect(await deploy()).toMatchObject({ code: 0, stderr: '' })
    expect(rings.size).toBe(1)
    expect(cloudflare.databases).toHaveLength(1)
    expect(await readMigrations(cloudflare)).toEqual([
      ...readdirSync('src/db/migrations'),
      '9999_broken.sql',
    ])
    await end()
  },
  5 * MINUTES,
)

it(
  'npm run deploy -- --dry-run says what would be done, and changes nothing locally or remotely',
  async () => {
    const { cloudflare, deploy, snapshot, end } = await startStory()
    const before = await snapshot()
    const { code, stdout, stderr } = await deploy(['--dry-run'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Database … latchkey would be created')
    expect(stdout).toContain('Secret … would be created in .keys.production')
    expect(stdout).toContain('Deployment … would be done: the Worker builds')
    expect(await snapshot()).toEqual(before)
    expect(cloudflare.asked.filter((call) => !call.startsWith('GET '))).toEqual([])
    await end()
  },
  2 * MINUTES,
)

it(
  'npm run deploy -- --dry-run shows the whole plan without a login, and sends nothing',
  async () => {
    const { project, cloudflare, deploy, snapshot, end } = await startStory()
    const before = await snapshot()
    const home = project.folder
    const nobody = { CLOUDFLARE_API_TOKEN: '', HOME: home, XDG_CONFIG_HOME: home }
    const { code, stdout, stderr } = await deploy(['--dry-run'], nobody)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      new RegExp(
        [
          'Settings … valid.*',
          'Login … not logged in, so what exists already is unknown',
          'Database … latchkey would be created unless it exists, and its id written into wrangler.toml',
          `Migrations … would be applied unless they are: ${readdirSync('src/db/migrations').join(', ')}`,
          'Secret … would be created in .keys.production unless the Worker has them',
          'Deployment … would be done: the Worker builds',
          'Readiness … would be checked at the URL that wrangler reports',
          '',
          "Nothing has been changed. Before you deploy: 'npx wrangler login'.",
        ].join('\n'),
      ),
    )
    expect(await snapshot()).toEqual(before)
    expect(cloudflare.asked).toEqual([])
    await end()
  },
  2 * MINUTES,
)

it(
  'npm run deploy -- --env staging prints the lines missing in wrangler.toml, and with them deploys a separate environment',
  async () => {
    const { project, cloudflare, deploy, read, end } = await startStory()
    const args = ['--env', 'staging', '--url', cloudflare.url]
    const refused = await deploy(args)
    expect(refused.code).toBe(1)
    expect(cloudflare.asked).toEqual([])
    const [draft] = /^\[env\.staging[^]*?(?=\n\nDone before)/m.exec(refused.stderr) ?? ['']
    const before = `${read('wrangler.toml')}\n${draft}\n`
    project.write('wrangler.toml', before)

    const { code, stdout, stderr } = await deploy(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Settings … valid\n')
    expect(stdout).toContain('--role admin --remote --env staging')
    expect([...cloudflare.workers.keys()]).toEqual(['latchkey-staging'])
    const [{ uuid, name } = { uuid: '', name: '' }] = cloudflare.databases
    expect(name).toBe('latchkey-staging')
    expect(diffLines(before, read('wrangler.toml'))).toEqual([`database_id = "${uuid}"`])
    expect(read('wrangler.toml').indexOf(uuid)).toBeGreaterThan(before.indexOf('[env.staging'))
    expect(secretsIn(read('.keys.staging'))).toHaveLength(2)
    expect(cloudflare.workers.get('latchkey-staging')).toContainEqual({
      type: 'plain_text',
      name: 'JWT_ISSUER',
      text: 'latchkey-staging',
    })
    await end()
  },
  2 * MINUTES,
)

describe('npm run deploy stops before it changes anything when', () => {
  let story: Awaited<ReturnType<typeof startStory>>
  let toml: string
  beforeAll(async () => {
    story = await startStory()
    toml = story.read('wrangler.toml')
  })
  afterAll(() => story.end())

  const expectRefusal = async (message: string, env: Record<string, string> = {}) => {
    story.cloudflare.asked.length = 0
    const { code, stderr } = await story.deploy([], env)
    expect(code).toBe(1)
    expect(stderr).toContain(message)
    expect(stderr).toContain("then run 'npm run deploy' again")
    expect(story.cloudflare.asked.filter((call) => !call.startsWith('GET '))).toEqual([])
  }

  it.each([
    [
      'a setting is wrong',
      'PASSWORD_MIN_LENGTH = "15"',
      'PASSWORD_MIN_LENGTH = "4"',
      'PASSWORD_MIN_LENGTH must be 8 or more',
    ],
    ['a binding is missing', 'binding = "DB"', 'binding = "OTHER"', 'DB is not bound'],
    ['wrangler.toml is not valid TOML', '[vars]', '[vars', 'wrangler.toml cannot be read'],
    [
      'the database belongs to another account',
      /database_id = ".*"/,
      'database_id = "11111111-2222-3333-4444-555555555555"',
      'a database that this account does not have',
    ],
  ])('%s', async (_, old, changed, message) => {
    story.project.write('wrangler.toml', toml.replace(old, changed))
    await expectRefusal(message)
    story.project.write('wrangler.toml', toml)
  })

  it('nobody is logged in', async () => {
    const home = story.project.folder
    const nobody = { CLOUDFLARE_API_TOKEN: '', HOME: home, XDG_CONFIG_HOME: home }
    await expectRefusal("Not logged in to Cloudflare: 'npx wrangler login'", nobody)
  })

  it('the login has two accounts and none is named', async () => {
    story.cloudflare.accounts.push({ id: 'another', name: 'Another account' })
    await expectRefusal('name one in CLOUDFLARE_ACCOUNT_ID\n  the-account  An account\n  another')
    story.cloudflare.accounts.pop()
  })
})

it(
  'an existing database of that name is used, in case its id was lost after it was created',
  async () => {
    const { cloudflare, deploy, read, end } = await startStory()
    const uuid = '11111111-2222-3333-4444-555555555555'
    cloudflare.databases.push({ uuid, name: 'latchkey' })
    const refusal = { status: 500, code: 7500, message: 'Refused by the stand-in' }
    cloudflare.refuse('POST /d1/database/', refusal)
    const { stdout } = await deploy()
    expect(stdout).toContain('Database … latchkey found; its id is in wrangler.toml now')
    expect(cloudflare.databases).toHaveLength(1)
    expect(read('wrangler.toml')).toContain(`database_id = "${uuid}"`)
    await end()
  },
  2 * MINUTES,
)

it(
  'a Worker of before second factors gets a DATA_SECRET and keeps its JWT_SECRET, regardless of the local file',
  async () => {
    const { project, cloudflare, deploy, read, end } = await startStory()
    expect((await deploy()).code).toBe(0)
    const [signing] = readSecrets(cloudflare)
    for (const [name, bindings] of cloudflare.workers)
      cloudflare.workers.set(
        name,
        bindings.filter((binding) => binding.name !== 'DATA_SECRET'),
      )
    project.write('.keys.production', "JWT_SECRET='an older key, of some other time 0123456789'\n")
    const { code, stdout, stderr } = await deploy()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Secret … DATA_SECRET created in .keys.production')
    const [, data = ''] = /^DATA_SECRET='(.*)'$/m.exec(read('.keys.production')) ?? []
    expect(readSecrets(cloudflare)).toEqual(
      expect.arrayContaining([signing, { type: 'secret_text', name: 'DATA_SECRET', text: data }]),
    )
    expect(readSecrets(cloudflare)).toHaveLength(2)
    await end()
  },
  2 * MINUTES,
)

it(
  'an invalid secret is rejected before the Worker is deployed with it',
  async () => {
    const { project, cloudflare, deploy, end } = await startStory()
    project.write('.keys.production', "JWT_SECRET='too-short'\n")
    const { code, stderr } = await deploy()
    expect(code).toBe(1)
    expect(stderr).toContain(
      'Secret failed. JWT_SECRET in .keys.production is shorter than 32 bytes',
    )
    expect(stderr).not.toContain('too-short')
    expect(cloudflare.workers.size).toBe(0)
    await end()
  },
  2 * MINUTES,
)

it.each([
  [['--secret=x'], 'Unknown option'],
  [['--wait', 'long'], "'long' is not a valid number of seconds"],
  [['--url', 'latchkey'], "'latchkey' is not a valid URL"],
])('wrong usage exits with 2: %j', async (args, message) => {
  const project = createProject()
  const { code, stderr } = await project.run('deploy', args)
  expect(code).toBe(2)
  expect(stderr).toContain(message)
  expect(stderr).toContain('\nHelp: npm run deploy -- --help\n')
})
