import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'

import { beforeAll, describe, expect, it } from 'vitest'

import { runWrangler } from '../../src/cli/cloudflare/wrangler.ts'
import { createProject } from './project.ts'

const project = createProject()
const CANARY = 'Q2FuYXJ5IC0gdGhpcyBrZXkgbXVzdCBzdGF5IGhvbWU='
let shown = ''
/** The files in the bundle: the Worker's own, and the packages. */
let own: { file: string; code: string }[] = []
let packages: Set<string | undefined>

beforeAll(async () => {
  for (const file of ['.dev.vars', '.keys.production'])
    project.write(file, `JWT_SECRET=${CANARY}\n`)
  const { ok, stdout, stderr } = await runWrangler(
    ['deploy', '--dry-run', '--upload-source-maps', '--outdir', 'dist', '--cwd', project.folder],
    'keep',
  )
  shown = stdout + stderr
  if (!ok) throw new Error(shown)
  const map: { sources: string[]; sourcesContent: string[] } = JSON.parse(read('dist/index.js.map'))
  own = map.sources.flatMap((source, index) =>
    source.startsWith('../src/')
      ? { file: source.slice(7), code: stripComments(map.sourcesContent[index] ?? '') }
      : [],
  )
  const foreign = map.sources.filter((source) => !source.startsWith('../src/'))
  packages = new Set(
    foreign.map((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1]),
  )
}, 60_000)

const read = (path: string) => readFileSync(join(project.folder, path), 'utf8')

function stripComments(source: string): string {
  return source.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '')
}

/** The files of a copy's own endpoints, whose lines do not count. Add yours here. */
const YOURS = new Set(['routes/protected.ts'])

it('everything that is bundled has at most 4,590 lines, so that one person can read it', () => {
  const counted = own.filter(({ file }) => !YOURS.has(file))
  const lines = counted.map(({ file }) => read(`src/${file}`).trimEnd().split('\n').length)
  expect(lines.length).toBeGreaterThan(40)
  expect(lines.reduce((total, count) => total + count, 0)).toBeLessThanOrEqual(4590)
})

it('the bundle, its source map and the output of the deployment contain no secret (ASVS 13.3.1)', () => {
  expect(
    readdirSync(join(project.folder, 'dist'))
      .map((name) => extname(name))
      .toSorted(),
  ).toEqual(['.js', '.map', '.md', '.wasm'])
  for (const text of [shown, read('dist/index.js'), read('dist/index.js.map')]) {
    expect(text).not.toContain(CANARY)
    expect(text).not.toContain('space-corgi')
  }
})

it('the bundle contains the Worker and four packages, and neither tests nor the command line (ASVS 15.2.1, 15.2.3)', () => {
  expect([...packages].toSorted()).toEqual(['@hono/zod-validator', 'hono', 'zod'])
  expect(read('src/auth/passwords/argon2.ts')).toContain("'@phi-ag/argon2/argon2.wasm'")
  expect(own.length).toBeGreaterThan(40)
  for (const { file } of own)
    expect(file).toMatch(/^([\w-]+|(auth|contract|db|http|middleware|routes|rpc)(\/[\w-]+)+)\.ts$/)
})

it('no pattern with \\p{…} is a literal, because parsing it would slow down every cold start', () => {
  const literals = own.filter(({ code }) => /\/[^/\n]*\\p\{[^/\n]*\/[a-z]*u/.test(code))
  expect(literals.map(({ file }) => file)).toEqual([])
})

it('the static assets contain only the page: no source, no setting, no dot-file (ASVS 13.4.1)', () => {
  const files = readdirSync('src/public', { recursive: true, encoding: 'utf8' })
  const served = files.filter((file) => file.includes('.'))
  expect(served.length).toBeGreaterThan(5)
  for (const file of served) expect(file).toMatch(/^([\w-]+\/)*[\w-]+\.(html|css|js|svg|json)$/)
})

it('each package has an exact version and is locked (ASVS 15.2.1)', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  const { packages: locked } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  expect(Object.keys(dependencies)).toHaveLength(4)
  for (const [name, wanted] of Object.entries<string>({ ...dependencies, ...devDependencies })) {
    // An alias names the package that takes the place of this name.
    const [, alias = name, version] = /^(?:npm:(.+)@)?(\d+\.\d+\.\d+)$/.exec(wanted) ?? []
    const { name: lockedName = name, version: lockedVersion } = locked[`node_modules/${name}`]
    expect([lockedName, lockedVersion]).toEqual([alias, version])
  }
})

describe('no file of the Worker', () => {
  it.each<[title: string, pattern: RegExp, except: string]>([
    ['calls another host (ASVS 13.2.4, 15.3.2)', /(?<!\.)\bfetch\(|\bconnect\(|WebSocket/, ''],
    ['uses random numbers other than those of Web Crypto (ASVS 11.5.1)', /Math\.random/, ''],
    [
      'creates ids with randomUUID, except for requests (ASVS 7.2.3)',
      /UUID/,
      'http/request-log.ts',
    ],
    [
      'names a broken hash or cipher, except for one-time codes (ASVS 11.3.1, 11.4.1)',
      /MD5|SHA-1\b|\bRC4\b|\bDES\b|\bECB\b/i,
      'auth/factors/totp.ts', // HMAC-SHA-1, which authenticator apps implement
    ],
    ['decodes a token without verifying it (ASVS 9.1.1)', /\bdecode\b[^]*'hono\/jwt'/, ''],
    ['runs text as code (ASVS 1.3.2)', /\beval\(|new Function/, ''],
    ['prepares a statement, except in db/ (ASVS 1.2.4)', /\.prepare\(/, 'db/'],
    ['writes to the log, except log.ts (ASVS 16.2.5)', /\bconsole\b/, 'log.ts'],
  ])('%s', (_, pattern, except) => {
    const found = own.filter(({ code }) => pattern.test(code)).map(({ file }) => file)
    expect(found.filter((file) => except === '' || !file.startsWith(except))).toEqual([])
  })
})
