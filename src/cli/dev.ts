// npm run dev: everything that local work needs, then `wrangler dev`. Safe to run again and again.

import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'

import { hashPassword } from '../auth/passwords/hash.ts'
import { insertUser, listUsers } from '../db/users.ts'
import { argon2id } from './users/argon2.ts'
import { withDatabase } from './cloudflare/database.ts'
import { Failure, runCommand } from './terminal/failure.ts'
import { generateSecret, readRing, writeRing } from './cloudflare/ring-file.ts'
import { runWrangler, startWrangler } from './cloudflare/wrangler.ts'

const HELP = `Usage: npm run dev [-- <options of wrangler dev>]

Makes .dev.vars with a random secret, applies the migrations to the local database, adds the user
cosmo / space-corgi to it if it has none, and serves on http://127.0.0.1:8787 (-- --port 8799 for another).`

const VARS = '.dev.vars'
const ROTATING = '.wrangler.rotating.toml'
const HOST = '127.0.0.1'
const FIRST_PORT = 8787

/** Makes a random JWT_SECRET in .dev.vars, unless there is one. */
async function makeSecret(): Promise<void> {
  const ring = readRing(VARS)
  if (ring.JWT_SECRET) return
  writeRing(VARS, { ...ring, JWT_SECRET: await generateSecret('HS256') })
  console.log(`Made a random JWT_SECRET in ${VARS}`)
}

/**
 * wrangler drops every key of .dev.vars that wrangler.toml names neither under [vars] nor as a
 * required secret: so while a rotation is under way, a copy of wrangler.toml names all of the ring.
 */
function chooseConfig(): string[] {
  const names = Object.keys(readRing(VARS)).map((name) => `"${name}"`)
  if (names.length < 2) return []
  const config = readFileSync('wrangler.toml', 'utf8')
  writeFileSync(ROTATING, config.replace(/^required = .*$/m, `required = [${names.join(', ')}]`))
  return ['--config', ROTATING]
}

async function applyMigrations(): Promise<void> {
  console.log('Applying migrations to the local database …')
  const { ok, stdout, stderr } = await runWrangler(
    ['d1', 'migrations', 'apply', 'DB', '--local'],
    'keep',
  )
  if (!ok) throw new Failure(`The migrations failed:\n${stdout}${stderr}`)
}

async function addDemoUser(): Promise<void> {
  await withDatabase({ remote: false, env: undefined }, async (db) => {
    if ((await listUsers(db, { limit: 1 })).users.length > 0) return
    const passwordHash = hashPassword('space-corgi', argon2id)
    const now = Math.floor(Date.now() / 1000)
    await insertUser(db, { username: 'cosmo', passwordHash, roles: [] }, now)
    console.log('Added the user cosmo / space-corgi to the local database')
  })
}

const isFree = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, HOST, () => server.close(() => resolve(true)))
  })

/** The port asked for, or the first free one from 8787. */
async function choosePort(asked: string | undefined): Promise<number> {
  if (asked === undefined) {
    for (let port = FIRST_PORT; port < FIRST_PORT + 100; port += 1)
      if (await isFree(port)) return port
  }
  const port = Number(asked)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Failure(`'${asked}' is no port: npm run dev -- --port 8799`, 2)
  if (!(await isFree(port))) throw new Failure(`Port ${port} is in use: choose another with --port`)
  return port
}

const toCurl = (url: string) => `
Try it, in another terminal:

  curl -i ${url}/protected
  TOKEN=$(curl -s ${url}/login --json '{"username":"cosmo","password":"space-corgi"}' | cut -d'"' -f4)
  curl ${url}/protected -H "Authorization: Bearer $TOKEN"
`

/** Waits until the Worker answers, then says what to try. */
async function announce(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const answered = await fetch(url, { signal }).then(
      () => true,
      () => false, // not listening yet
    )
    if (answered) return console.log(toCurl(url))
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
  if (values.help) return console.log(HELP)
  const port = await choosePort(values.port as string | undefined)
  await makeSecret()
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
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.once('exit', (code) => {
    process.exitCode = code ?? 0
    ended.abort()
  })
  await announce(`http://${ip}:${port}`, ended.signal)
})
