import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { unstable_getVarsForDev } from 'wrangler'

import { openSeed, sealSeed } from '../../src/auth/keys/seal.ts'
import { importKeyRing } from '../../src/auth/keys/key-ring.ts'
import { runWrangler } from '../../src/cli/cloudflare/wrangler.ts'
import { createProject } from './project.ts'

let project: ReturnType<typeof createProject>
beforeEach(() => (project = createProject()))

const keys = (...args: string[]) => project.run('keys', args)
const read = (file: string) => readFileSync(join(project.folder, file), 'utf8')
const secretsIn = (text: string) =>
  [...text.matchAll(/^JWT_SECRET\w*='(.*)'$/gm)].map(([, secret]) => secret)
/** The variables of .dev.vars, as wrangler reads them. */
const readVars = () => {
  const bindings = unstable_getVarsForDev(join(project.folder, 'x'), undefined, {}, undefined, true)
  return Object.fromEntries(Object.entries(bindings).map(([name, { value }]) => [name, value]))
}
const LOGIN = { 'auth token': { stdout: '{"type":"api_token","token":"t"}' } }

/** A fake of Cloudflare's API, which responds with `reply`. */
let reply: object
const server = createServer((_request, response) => void response.end(JSON.stringify(reply)))
beforeAll(async () => void (await once(server.listen(0, '127.0.0.1'), 'listening')))
afterAll(() => void server.close())
beforeEach(() => void (reply = { success: true, result: [] }))
const remote = (args: string[]) =>
  project.run('keys', [...args, '--remote'], '', {
    CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    CLOUDFLARE_ACCOUNT_ID: 'the-account',
  })

const CURRENT = 'Tm90IGEgc3R1YiwganVzdCBhIHRlc3Qga2V5IQ=='

describe('npm run keys -- generate', () => {
  it('prints a different secret each time', async () => {
    const [one, two] = [await keys('generate'), await keys('generate')]
    expect(one.stdout).toMatch(/^[\w+/]{43}=\n$/)
    expect(two.stdout).not.toBe(one.stdout)
  })

  it.each([
    ['ES256', { kty: 'EC', crv: 'P-256' }],
    ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
  ])('--alg %s prints a private JWK', async (alg, kind) => {
    const { stdout } = await keys('generate', '--alg', alg)
    expect(JSON.parse(stdout)).toMatchObject({ ...kind, d: expect.any(String) })
  })
})

describe('npm run keys -- rotate', () => {
  it('rotates .dev.vars in three steps, keeps its other lines, and shows no secret', async () => {
    project.write('.dev.vars', `OTHER=kept\nJWT_SECRET=${CURRENT}\n`)
    let shown = ''
    for (const step of ['stage', 'promote', 'retire']) {
      const { code, stdout, stderr } = await keys('rotate', step, '--alg', 'EdDSA', '--yes')
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      shown += stdout
    }
    expect(read('.dev.vars')).toMatch(/^OTHER=kept\nJWT_SECRET='\{"kty":"OKP".*\}'\n$/)
    expect(statSync(join(project.folder, '.dev.vars')).mode & 0o777).toBe(0o600)
    for (const secret of [CURRENT, ...secretsIn(read('.dev.vars'))])
      expect(shown).not.toContain(secret)
    expect(shown).toContain("'rotate promote', after 60 seconds")
    expect(shown).toContain(
      "'rotate retire', after 604800 seconds (7.0 days: SESSION_IDLE_SECONDS)",
    )
  })

  it.each([
    ['stage', '', 'There is no current key'],
    ['stage', 'JWT_SECRET=a\nJWT_SECRET_NEXT=b\n', "'rotate promote' is the next step"],
    ['stage', 'JWT_SECRET=a\nJWT_SECRET_PREVIOUS=b\n', "'rotate retire' first"],
    ['promote', 'JWT_SECRET=a\n', "'rotate stage' first"],
    ['retire', 'JWT_SECRET=a\n', "'rotate stage' and 'rotate promote' first"],
    ['retire', 'JWT_SECRET=a\nJWT_SECRET_NEXT=b\n', 'There is no previous key'],
  ])('%s in the wrong order changes nothing: %j', async (step, vars, message) => {
    project.write('.dev.vars', vars)
    const { code, stderr } = await keys('rotate', step)
    expect(code).toBe(1)
    expect(stderr).toContain(message)
    expect(read('.dev.vars')).toBe(vars)
  })

  it.each([
    ['a quote', 'JWT_SECRET="it\'s thirty-two characters long, or more"\n'],
    ['two kinds of quotes', 'JWT_SECRET=`it\'s "thirty-two" characters long, or more`\n'],
    ['a number sign', "JWT_SECRET='#thirty-two characters # long, or more'\n"],
    ['a backslash', "JWT_SECRET='thirty-two \\n characters \\\\ long, or more'\n"],
    ['two lines', 'A=1\nJWT_SECRET="thirty-two characters\nlong, or = more"\nB=2\n'],
    ['a byte order mark', '\uFEFFJWT_SECRET=thirty-two-characters-long-or-more\n'],
    ['CRLF', 'A=1\r\n# ours\r\nJWT_SECRET=thirty-two-characters-long-or-more\r\nB=2\r\n'],
    ['a colon', 'A: 1\nJWT_SECRET: thirty-two-characters-long-or-more # ours\n'],
  ])('keeps a secret with %s, and every other line, as wrangler reads them', async (_, vars) => {
    project.write('.dev.vars', vars)
    const before = readVars()
    expect(before.JWT_SECRET).toMatch(/thirty-two/)
    expect((await keys('rotate', 'stage')).code).toBe(0)
    expect(readVars()).toEqual({ ...before, JWT_SECRET_NEXT: expect.stringMatching(/^.{44}$/) })
    expect(read('.dev.vars').startsWith(vars)).toBe(true)
    const { JWT_SECRET_NEXT: next } = readVars()
    expect((await keys('rotate', 'promote')).code).toBe(0)
    const promoted = { JWT_SECRET: next, JWT_SECRET_PREVIOUS: before.JWT_SECRET }
    expect(readVars()).toEqual({ ...before, ...promoted })
    expect((await keys('rotate', 'retire', '--yes')).code).toBe(0)
    expect(readVars()).toEqual({ ...before, JWT_SECRET: next })
  })

  it('refuses a file in UTF-16 before anything is sent', async () => {
    project.standInForWrangler({})
    const ring = '\uFEFFJWT_SECRET=thirty-two characters long, or more\nJWT_SECRET_NEXT=x\n'
    const file = join(project.folder, '.keys.production')
    writeFileSync(file, ring, 'utf16le')
    const { code, stderr } = await keys('rotate', 'promote', '--remote')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^\.keys\.production cannot be read/)
    expect(readFileSync(file, 'utf16le')).toBe(ring)
    expect(existsSync(join(project.folder, 'calls.jsonl'))).toBe(false)
  })

  it('retire shows what it deletes, and without a terminal and --yes changes nothing', async () => {
    const ring = `JWT_SECRET='${CURRENT}'\nJWT_SECRET_PREVIOUS='${CURRENT}'\n`
    project.write('.dev.vars', ring)
    const { code, stdout, stderr } = await keys('rotate', 'retire')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      /JWT_SECRET_PREVIOUS {2}verifies {2}HS256 +kid .*\n[^]*\n\nThis deletes the previous keys from \.dev\.vars\. /,
    )
    expect(stderr).toContain('Nothing was changed: without a terminal, add --yes.')
    expect(stderr).not.toContain(CURRENT)
    expect(read('.dev.vars')).toBe(ring)
  })

  it('--remote sends the whole ring with one wrangler secret bulk per step, on standard input', async () => {
    const calls = project.standInForWrangler(LOGIN)
    project.write('.keys.production', `JWT_SECRET='${CURRENT}'\n`)
    for (const step of ['stage', 'promote', 'retire'])
      expect((await remote(['rotate', step, '--yes'])).code).toBe(0)
    const sent = calls().filter(({ args }) => args[0] === 'secret')
    expect(sent.map(({ args }) => args)).toEqual([1, 2, 3].map(() => ['secret', 'bulk']))
    const [staged, promoted, retired] = sent.map(({ stdin }) => JSON.parse(stdin))
    const next = staged.JWT_SECRET_NEXT
    expect(staged).toEqual({
      JWT_SECRET: CURRENT,
      JWT_SECRET_NEXT: next,
      JWT_SECRET_PREVIOUS: null,
    })
    expect(promoted).toEqual({
      JWT_SECRET: next,
      JWT_SECRET_NEXT: null,
      JWT_SECRET_PREVIOUS: CURRENT,
    })
    expect(retired).toEqual({ JWT_SECRET: next, JWT_SECRET_NEXT: null, JWT_SECRET_PREVIOUS: null })
    expect(secretsIn(read('.keys.production'))).toEqual([next])
  })

  it.each([
    ['no Worker', ['rotate', 'stage'], 'First: npm run deploy'],
    ['no such environment', ['rotate', 'stage', '--env', 'nosuch'], "no environment 'nosuch'"],
    ['an environment named as no name can be', ['status', '--env', '../x'], 'consists of letters'],
    ['an inherited name for an environment', ['status', '--env', 'toString'], 'no environment'],
  ])('--remote changes nothing anywhere when there is %s', async (_, args, message) => {
    const calls = project.standInForWrangler(LOGIN)
    const before = `JWT_SECRET='${CURRENT}'\n`
    for (const file of ['.keys.production', '.keys.nosuch']) project.write(file, before)
    reply = { success: false, errors: [{ code: 10007, message: 'no such Worker' }] }
    const { code, stderr } = await remote(args)
    expect(code).toBeGreaterThan(0)
    expect(stderr).toContain(message)
    for (const file of ['.keys.production', '.keys.nosuch']) expect(read(file)).toBe(before)
    const isCalled = existsSync(join(project.folder, 'calls.jsonl'))
    const sent = isCalled ? calls().filter((call) => call.args[0] === 'secret') : []
    expect(sent).toEqual([])
  })

  it('--remote changes nothing locally when wrangler fails', async () => {
    project.standInForWrangler({ ...LOGIN, 'secret bulk': { code: 1, stderr: 'no permission' } })
    project.write('wrangler.toml', `${read('wrangler.toml')}\n[env.staging.vars]\n`)
    const before = `JWT_SECRET='${CURRENT}'\n`
    project.write('.keys.staging', before)
    const { code, stderr } = await remote(['rotate', 'stage', '--env', 'staging'])
    expect(code).toBe(1)
    expect(stderr).toContain('no permission')
    expect(stderr).not.toContain(CURRENT)
    expect(read('.keys.staging')).toBe(before)
  })
})

describe('npm run keys -- rotate with a DATA_SECRET', () => {
  const DATA = 'QW5vdGhlciBrZXksIGZvciBzZWVkcyBvbmx5IQ=='
  const FIRST = `JWT_SECRET='${CURRENT}'\nDATA_SECRET='${DATA}'\n`

  it('encrypts the seeds again before it deletes the previous key, so that no user must enrol again', async () => {
    project.write('.dev.vars', FIRST)
    const where = ['--local', '--cwd', project.folder]
    await runWrangler(['d1', 'migrations', 'apply', 'DB', ...where], 'keep')
    const ring = (secret: string) => importKeyRing({ DATA_SECRET: secret }, 'DATA_SECRET')
    const seed = new TextEncoder().encode('12345678901234567890')
    const sealed = await sealSeed(await ring(DATA), 7, seed)
    const insert = `INSERT INTO factors (id, user_id, friendly_name, sealed_seed, created_at)
      VALUES ('f', 7, 'phone', '${sealed}', 1)`
    await runWrangler(['d1', 'execute', 'DB', '--command', insert, ...where], 'keep')
    for (const step of ['stage', 'promote']) expect((await keys('rotate', step)).code).toBe(0)
    expect(read('.dev.vars')).toMatch(
      /^JWT_SECRET='.*'\nDATA_SECRET='.*'\nJWT_SECRET_PREVIOUS='.*'\nDATA_SECRET_PREVIOUS='.*'\n$/,
    )
    const { code, stdout, stderr } = await keys('rotate', 'retire', '--yes')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Second factors encrypted with the new key: 1.')
    const [, current = ''] = /^DATA_SECRET='(.*)'$/m.exec(read('.dev.vars')) ?? []
    expect(current).not.toBe(DATA)
    expect(read('.dev.vars')).not.toContain('PREVIOUS')
    const select = ['d1', 'execute', 'DB', '--json', '--command', 'SELECT * FROM factors', ...where]
    const [{ results }] = JSON.parse((await runWrangler(select, 'keep')).stdout)
    expect(await openSeed(await ring(current), 7, results[0].sealed_seed)).toEqual(seed)
    await expect(openSeed(await ring(current), 8, results[0].sealed_seed)).rejects.toThrow(
      'does not open',
    )
  }, 180_000)

  it('keeps the previous key when a seed cannot be opened, and says which key is missing, and whose seed it is', async () => {
    const before = `${FIRST}JWT_SECRET_PREVIOUS='${'P'.repeat(9)}${CURRENT}'\nDATA_SECRET_PREVIOUS='${'Q'.repeat(9)}${DATA}'\n`
    project.write('.dev.vars', before)
    const where = ['--local', '--cwd', project.folder]
    await runWrangler(['d1', 'migrations', 'apply', 'DB', ...where], 'keep')
    const insert = `INSERT INTO users (id, username, folded, password_hash, roles, created_at)
        VALUES (7, 'ada l', 'ada l', '!', '[]', 1);
      INSERT INTO factors (id, user_id, friendly_name, sealed_seed, created_at)
        VALUES ('f', 7, 'phone', '0123456789abcdef.AAAAAAAAAAAAAAAAAAAA', 1)`
    await runWrangler(['d1', 'execute', 'DB', '--command', insert, ...where], 'keep')
    const { code, stderr } = await keys('rotate', 'retire', '--yes')
    expect(code).toBe(1)
    expect(stderr).toContain(
      "Cannot decrypt a second factor of 'ada l': DATA_SECRET does not open a seed of key 0123456789abcdef.\nTo remove all their second factors and end their sessions: npm run users -- factors --remove 'ada l'",
    )
    expect(read('.dev.vars')).toBe(before)
  }, 180_000)

  it('--remote sends both secrets, and never deletes a DATA_SECRET that the local file lacks', async () => {
    const calls = project.standInForWrangler(LOGIN)
    project.write('.keys.production', FIRST)
    for (const step of ['stage', 'promote']) expect((await remote(['rotate', step])).code).toBe(0)
    const [staged, promoted] = calls()
      .filter(({ args }) => args[0] === 'secret')
      .map(({ stdin }) => JSON.parse(stdin))
    expect(staged).toMatchObject({
      DATA_SECRET: DATA,
      DATA_SECRET_NEXT: expect.stringMatching(/^.{44}$/),
      DATA_SECRET_PREVIOUS: null,
    })
    expect(promoted).toMatchObject({
      DATA_SECRET: staged.DATA_SECRET_NEXT,
      DATA_SECRET_NEXT: null,
      DATA_SECRET_PREVIOUS: DATA,
    })
    project.write('.keys.production', `JWT_SECRET='${CURRENT}'\n`)
    await remote(['rotate', 'stage'])
    expect(Object.keys(JSON.parse(calls().at(-1)?.stdin ?? ''))).toEqual([
      'JWT_SECRET',
      'JWT_SECRET_NEXT',
      'JWT_SECRET_PREVIOUS',
    ])
  })
})

it('npm run keys -- status shows each key, and which are invalid', async () => {
  project.write('.dev.vars', `JWT_SECRET=${CURRENT}\nJWT_SECRET_NEXT=super-secret\n`)
  const { stdout } = await keys('status')
  expect(stdout).toMatch(/^JWT_SECRET +signs +HS256 +kid [0-9a-f]{16}$/m)
  expect(stdout).toMatch(/^JWT_SECRET_NEXT +is shorter than 32 bytes/m)
  expect(stdout).not.toContain(CURRENT)
})

it.each([
  [['rotate']],
  [['rotate', 'forward']],
  [['nope']],
  [['generate', '--alg', 'RS256']],
  [['status', 'x']],
  [['--secret=x']],
])('wrong usage exits with 2: %j', async (args) => {
  const { code, stderr } = await keys(...args)
  expect(code).toBe(2)
  expect(stderr).not.toBe('')
})
