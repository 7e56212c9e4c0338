import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { createFold } from '../../src/cli/dev/fold-settings.ts'
import { OPTION_NAMES, parseDevOptions, toLocalUrl } from '../../src/cli/dev/options.ts'
import { requireSecrets } from '../../src/cli/dev/rotating-config.ts'
import { refuseTypos } from '../../src/cli/dev/typo.ts'
import { freePort } from './dev-server.ts'
import { createProject } from './project.ts'

const isServing = (url: string) =>
  fetch(url).then(
    () => true,
    () => false, // nothing listens
  )

async function waitUntil(isDone: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isDone())) await sleep(200)
}

/** Starts `npm run dev` as it is typed, in a process group of its own. */
async function startNpm(args: string[]) {
  const project = createProject()
  const port = await freePort()
  const child = spawn('npm', ['run', '-s', 'dev', '--', '--port', String(port), ...args], {
    cwd: project.folder,
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await waitUntil(() => /Bearer \$TOKEN/.test(output) || child.exitCode !== null)
  return { project, port, child, output: () => output }
}

describe('npm run dev ends with its parent:', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'nothing listens after %s to npm',
    async (signal) => {
      const { child, port } = await startNpm([])
      const url = `http://127.0.0.1:${port}/health`
      expect(await isServing(url)).toBe(true)
      child.kill(signal)
      await waitUntil(async () => !(await isServing(url)))
    },
    90_000,
  )

  it('the exit code says that a signal ended wrangler', async () => {
    const { child, project } = await startNpm([])
    const state = join(project.folder, '.wrangler', 'state', 'dev-server.json')
    const { pid } = JSON.parse(readFileSync(state, 'utf8')) as { pid: number }
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    const exit = once(child, 'exit')
    process.kill(Number(children[0]), 'SIGKILL')
    expect((await exit)[0]).toBe(137)
    if (child.pid) process.kill(-child.pid, 'SIGKILL') // workerd
  }, 90_000)
})

it('npm run dev -- --persist-to, --local-protocol and --ip apply to every step', async () => {
  const options = ['--persist-to', 'elsewhere', '--local-protocol', 'https', '--ip', '0.0.0.0']
  const { child, port, project, output } = await startNpm(options)
  expect(output()).toContain(`curl -k -i https://127.0.0.1:${port}/protected`)
  expect(output()).toContain('Added the user cosmo')
  expect(output()).not.toMatch(/\n +at |TLS|SSL/)
  expect(existsSync(join(project.folder, '.wrangler', 'state', 'v3', 'd1'))).toBe(false)
  const login = ['-sk', `https://127.0.0.1:${port}/login`, '--json']
  const body = '{"username":"cosmo","password":"space-corgi"}'
  const curl = spawn('curl', [...login, body])
  let response = ''
  curl.stdout.on('data', (chunk: Buffer) => (response += chunk.toString()))
  await once(curl, 'close')
  expect(response).toContain('access_token')
  child.kill('SIGTERM')
  await once(child, 'exit')
}, 90_000)

it.each([
  [['--port'], '--port needs a value'],
  [['--env', '--ip', '::1'], '--env needs a value'],
  [['--config', 'other.toml'], 'does not support --config'],
  [['-c', 'other.toml'], 'does not support -c'],
  [['--remote'], 'does not support --remote'],
])('npm run dev refuses what not all of its steps would follow: %j', (args, message) => {
  expect(() => parseDevOptions(args)).toThrow(message)
})

it.each([
  [['--ip', '::1'], 'http://[::1]:1'],
  [['--ip', '::'], 'http://[::1]:1'],
  [['--ip', '*'], 'http://127.0.0.1:1'],
  [['--ip', '0.0.0.0'], 'http://127.0.0.1:1'],
  [['--local-protocol=https'], 'https://127.0.0.1:1'],
  [[], 'http://127.0.0.1:1'],
])('npm run dev announces a URL that works: %j', (args, url) => {
  expect(toLocalUrl(parseDevOptions(args), 1)).toBe(url)
})

it('what npm run dev does not know reaches wrangler unchanged', () => {
  const args = [
    '--port',
    '1',
    '--log-level',
    'debug',
    '-e',
    'a',
    '--inspector-port=0',
    '--var',
    'A:b',
  ]
  const others = ['--log-level', 'debug', '--inspector-port=0', '--var', 'A:b']
  expect(parseDevOptions(args)).toMatchObject({ port: '1', env: 'a', others })
})

it('--show-settings is not passed on to wrangler, and help asks for the help', () => {
  const shown = { showSettings: true, others: [], help: false }
  expect(parseDevOptions(['--show-settings'])).toMatchObject(shown)
  for (const args of [['help'], ['-h'], ['--help']])
    expect(parseDevOptions(args)).toMatchObject({ help: true, showSettings: false })
})

it('an unknown option of npm run dev is named with the nearest one, and the help of wrangler is not printed', async () => {
  const message = 'Unknown option. Did you mean --port?\nHelp: npm run dev -- --help'
  for (const args of [['--ports', '8799'], ['--ports=8799']])
    await expect(refuseTypos(args, OPTION_NAMES)).rejects.toThrow(message)
  const valid = ['--log-level', 'debug', '--logLevel=debug', '--no-bundle', '--no-live-reload']
  const others = ['--var', 'A:b', '--x-provision', '--compatibility-flag', 'x', '--nothing-like-it']
  await refuseTypos([...valid, ...others], OPTION_NAMES)
})

it('only the table of settings is folded, in pieces or as a whole, with and without colours', () => {
  const table = [
    'Your Worker has access to the following bindings:',
    '\u001B[2mBinding\u001B[22m            Resource      Mode',
    '\u001B[37menv.DB\u001B[39m (latchkey)  D1 Database   local',
    'env.A_VERY_LONG_NAME  Environment Variable   local',
    '  "its value, on the next line"',
  ]
  const lines = ['Using secrets', ...table, '', 'env.X is mentioned by the Worker', '  indented']
  const folded = [
    'Using secrets',
    "2 settings and bindings: 'npm run dev -- --show-settings' lists them.",
    '',
    'env.X is mentioned by the Worker',
    '  indented',
  ]
  const fold = createFold()
  const inPieces = lines.map((line) => fold(`${line}\n`)).join('')
  expect(inPieces).toBe(folded.map((line) => `${line}\n`).join(''))
  expect(createFold()(lines.join('\n'))).toBe(folded.join('\n'))
})

it.each([
  ['required = ["JWT_SECRET"]', 'required = ["JWT_SECRET", "JWT_SECRET_NEXT"]'],
  [
    'required = ["MINE", \'JWT_SECRET\'] # ours',
    'required = ["MINE", "JWT_SECRET", "JWT_SECRET_NEXT"] # ours',
  ],
  [
    'required = [\n  "MINE", # "x"\n  "JWT_SECRET",\n]\n',
    'required = ["MINE", "JWT_SECRET", "JWT_SECRET_NEXT"]\n',
  ],
])('a rotation keeps your own required secrets: %j', (before, after) => {
  expect(requireSecrets(before, ['JWT_SECRET', 'JWT_SECRET_NEXT'])).toBe(after)
})
