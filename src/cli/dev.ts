// npm run dev: prepares everything for local work, then runs `wrangler dev`. Safe to repeat.

import { constants } from 'node:os'
import { join } from 'node:path'

import { hashPassword } from '../auth/passwords/hash.ts'
import { insertUser } from '../db/user-changes.ts'
import { listUsers } from '../db/users.ts'
import { resolveEnvironment } from './cloudflare/environment.ts'
import { type Target, withIsolate } from './cloudflare/isolate.ts'
import { generateSecrets, readRing, ringFile, SECRETS, writeRing } from './cloudflare/ring-file.ts'
import { runWrangler, startWrangler } from './cloudflare/wrangler.ts'
import { announce } from './dev/announce.ts'
import { claimDatabase } from './dev/only-server.ts'
import { choosePort, OPTION_NAMES, parseDevOptions, toLocalUrl } from './dev/options.ts'
import { writeRotatingConfig } from './dev/rotating-config.ts'
import { refuseTypos } from './dev/typo.ts'
import { CommandError, runCommand } from './terminal/command-error.ts'
import { endWithParent } from './terminal/end-with-parent.ts'
import { print } from './terminal/output.ts'

const HELP = `Usage: npm run dev [-- <options of wrangler dev>]

Creates .dev.vars with random secrets, applies the migrations to the local
database, adds the user cosmo / space-corgi if it has no users, and serves on
http://127.0.0.1:8787. For another port: npm run dev -- --port 8799

  --show-settings  list all settings and bindings of the Worker
  -h, --help       show this help`

/** Creates a random JWT_SECRET and DATA_SECRET in .dev.vars, unless they are there. */
async function createSecrets(file: string): Promise<void> {
  const ring = readRing(file)
  const missing = SECRETS.filter((name) => !ring[name])
  if (missing.length === 0) return
  writeRing(file, { ...ring, ...(await generateSecrets(missing)) })
  print(`Created a random ${missing.join(' and ')} in ${file}`)
}

async function applyMigrations(options: string[]): Promise<void> {
  print('Applying migrations to the local database …')
  const { ok, stdout, stderr } = await runWrangler(
    ['d1', 'migrations', 'apply', 'DB', '--local', ...options],
    'keep',
  )
  if (!ok) throw new CommandError(`The migrations failed:\n${stdout}${stderr}`)
}

async function addDemoUser(target: Target): Promise<void> {
  await withIsolate(target, async ({ db, argon2id }) => {
    if ((await listUsers(db, { limit: 1 })).users.length > 0) return
    // The lesson's password is shorter than the rules allow.
    const passwordHash = hashPassword('space-corgi', argon2id)
    const now = Math.floor(Date.now() / 1000)
    await insertUser(db, { username: 'cosmo', passwordHash, roles: [] }, now)
    print('Added the user cosmo / space-corgi to the local database')
  })
}

await runCommand(async () => {
  const options = parseDevOptions(process.argv.slice(2))
  if (options.help) return print(HELP)
  await refuseTypos(options.others, OPTION_NAMES)
  endWithParent()
  const { ip, persistTo, protocol } = options
  const port = await choosePort(options)
  const url = toLocalUrl(options, port)
  const env = await resolveEnvironment(options.env)
  await claimDatabase(persistTo ?? join('.wrangler', 'state'), url)
  const vars = ringFile(false, env)
  const steps = [...(env ? ['--env', env] : []), ...(persistTo ? ['--persist-to', persistTo] : [])]
  await createSecrets(vars)
  await applyMigrations(steps)
  await addDemoUser({ remote: false, env, persistTo })

  const config = writeRotatingConfig(Object.keys(readRing(vars)))
  const server = ['--ip', ip, '--port', String(port), '--local-protocol', protocol]
  const wrangler = ['dev', ...server, ...steps, ...config, ...options.others]
  const child = startWrangler(wrangler, 'show', { foldsSettings: !options.showSettings })
  const stopped = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
    stopped.abort()
  })
  await announce(url, stopped.signal)
})
