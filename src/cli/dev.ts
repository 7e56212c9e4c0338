// npm run dev: prepares everything for local work, then runs `wrangler dev`. Safe to repeat.

import { insertUser } from '../db/user-changes.ts'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'

import { hashPassword } from '../auth/passwords/hash.ts'
import { listUsers } from '../db/users.ts'
import { withIsolate } from './cloudflare/isolate.ts'
import { generateSecret, readRing, writeRing } from './cloudflare/ring-file.ts'
import { runWrangler, startWrangler } from './cloudflare/wrangler.ts'
import { CommandError, runCommand } from './terminal/command-error.ts'
import { print } from './terminal/output.ts'

const HELP = `Usage: npm run dev [-- <options of wrangler dev>]

Creates .dev.vars with a random secret, applies the migrations to the local
database, adds the user cosmo / space-corgi if it has no users, and serves on
http://127.0.0.1:8787. For another port: npm run dev -- --port 8799`

const VARS = '.dev.vars'
const ROTATING = '.wrangler.rotating.toml'
const HOST = '127.0.0.1'
const FIRST_PORT = 8787

/** Creates a random JWT_SECRET in .dev.vars, unless there is one. */
async function createSecret(): Promise<void> {
  const ring = readRing(VARS)
  if (ring.JWT_SECRET) return
  writeRing(VARS, { ...ring, JWT_SECRET: await generateSecret('HS256') })
  print(`Created a random JWT_SECRET in ${VARS}`)
}

/**
 * Returns wrangler's options for a copy of wrangler.toml that names all keys during a rotation: wrangler
 * drops variables of .dev.vars that are neither under [vars] nor required secrets.
 */
function chooseConfig(): string[] {
  const names = Object.keys(readRing(VARS)).map((name) => `"${name}"`)
  if (names.length < 2) return []
  const config = readFileSync('wrangler.toml', 'utf8')
  writeFileSync(ROTATING, config.replace(/^required = .*$/m, `required = [${names.join(', ')}]`))
  return ['--config', ROTATING]
}

async function applyMigrations(): Promise<void> {
  print('Applying migrations to the local database …')
  const { ok, stdout, stderr } = await runWrangler(
    ['d1', 'migrations', 'apply', 'DB', '--local'],
    'keep',
  )
  if (!ok) throw new CommandError(`The migrations failed:\n${stdout}${stderr}`)
}

async function addDemoUser(): Promise<void> {
  await withIsolate({ remote: false, env: undefined }, async ({ db, argon2id }) => {
    if ((await listUsers(db, { limit: 1 })).users.length > 0) return
    // The lesson's password is shorter than the rules allow.
    const passwordHash = hashPassword('space-corgi', argon2id)
    const now = Math.floor(Date.now() / 1000)
    await insertUser(db, { username: 'cosmo', passwordHash, roles: [] }, now)
    print('Added the user cosmo / space-corgi to the local database')
  })
}

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, HOST, () => server.close(() => resolve(true)))
  })

/** Returns the requested port, or the first free one from 8787. */
async function choosePort(requested: string | undefined): Promise<number> {
  if (requested === undefined) {
    for (let port = FIRST_PORT; port < FIRST_PORT + 100; port += 1)
      if (await isFree(port)) return port
  }
  const port = Number(requested)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new CommandError(
      `'${requested}' is not a valid port. Example: npm run dev -- --port 8799`,
      2,
    )
  if (!(await isFree(port)))
    throw new CommandError(`Port ${port} is in use. Choose another with --port`)
  return port
}

const toCurl = (url: string) => `
Try it, in another terminal:

  curl -i ${url}/protected
  TOKEN=$(curl -s ${url}/login --json '{"username":"cosmo","password":"space-corgi"}' | cut -d'"' -f4)
  curl ${url}/protected -H "Authorization: Bearer $TOKEN"
`

/** Waits until the Worker responds, then prints example requests. */
async function announce(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const responds = await fetch(url, { signal }).then(
      () => true,
      () => false, // not listening yet
    )
    if (responds) return print(toCurl(url))
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

await runCommand(async () => {
  const { values, tokens } = parseArgs({
    strict: false,
    tokens: true,
    args: process.argv.slice(2),
    options: { port: { type: 'string' }, ip: { type: 'string' }, help: { type: 'boolean' } },
  })
  if (values.help) return print(HELP)
  const port = await choosePort(values.port as string | undefined)
  await createSecret()
  await applyMigrations()
  await addDemoUser()

  const passedOn = tokens
    .filter((token) => token.kind !== 'option' || !['port', 'ip'].includes(token.name))
    .flatMap((token) => process.argv[token.index + 2] ?? [])
  const ip = typeof values.ip === 'string' ? values.ip : HOST
  const child = startWrangler(
    ['dev', '--ip', ip, '--port', String(port), ...chooseConfig(), ...passedOn],
    'show',
  )
  const stopped = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.once('exit', (code) => {
    process.exitCode = code ?? 0
    stopped.abort()
  })
  await announce(`http://${ip}:${port}`, stopped.signal)
})
