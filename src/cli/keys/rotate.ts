// npm run keys -- rotate: replaces JWT_SECRET and DATA_SECRET together, in three steps.

import { importKey, KeyProblem } from '../../auth/keys/key-ring.ts'
import { openApi } from '../cloudflare/api.ts'
import {
  type Algorithm,
  generateSecret,
  readRing,
  type Ring,
  ringFile,
  type Secret,
  SECRETS,
  stageRing,
  VARIABLES,
  variablesOf,
} from '../cloudflare/ring-file.ts'
import { listSecrets } from '../cloudflare/worker.ts'
import { runWrangler } from '../cloudflare/wrangler.ts'
import { readWranglerToml, toSettings } from '../cloudflare/wrangler-toml.ts'
import { lookUp } from '../terminal/arguments.ts'
import { CommandError } from '../terminal/command-error.ts'
import { print } from '../terminal/output.ts'
import { confirm } from '../terminal/prompt.ts'
import { toCommand } from '../terminal/quote.ts'
import { unknownCommand, usageError } from '../terminal/usage.ts'
import { resealAll } from './reseal.ts'

const SPREAD_SECONDS = 60 // a deployment reaches every location
const JWKS_SECONDS = 300 // max-age of /.well-known/jwks.json

const SCRIPT = { script: 'keys' }

export type Options = {
  remote: boolean
  env: string | undefined
  algorithm: Algorithm
  yes: boolean
}
type Step = (ring: Ring, algorithm: Algorithm) => Promise<Ring> | Ring

const STEPS: Record<string, Step> = {
  async stage(ring, algorithm) {
    if (!ring.JWT_SECRET)
      throw new CommandError(
        "There is no current key: 'npm run dev' or 'npm run deploy' creates one.",
      )
    if (ring.JWT_SECRET_PREVIOUS)
      throw new CommandError("The previous key still exists: run 'rotate retire' first.")
    if (ring.JWT_SECRET_NEXT)
      throw new CommandError("The next key exists already: 'rotate promote' is the next step.")
    const staged = { ...ring, JWT_SECRET_NEXT: await generateSecret(algorithm) }
    if (!ring.DATA_SECRET) return staged
    return { ...staged, DATA_SECRET_NEXT: await generateSecret('HS256') }
  },
  promote(ring) {
    if (!ring.JWT_SECRET || !ring.JWT_SECRET_NEXT)
      throw new CommandError("There is no next key: run 'rotate stage' first.")
    return { ...promoteKey('JWT_SECRET', ring), ...promoteKey('DATA_SECRET', ring) }
  },
  retire({ JWT_SECRET, JWT_SECRET_PREVIOUS: previous, DATA_SECRET }) {
    if (!JWT_SECRET || !previous)
      throw new CommandError(
        "There is no previous key: run 'rotate stage' and 'rotate promote' first.",
      )
    return { JWT_SECRET, ...(DATA_SECRET && { DATA_SECRET }) }
  },
}

const ROTATIONS = Object.keys(STEPS).map((step) => `rotate ${step}`)

/** Returns the keys of one secret after the step; those without a next key stay as they are. */
function promoteKey(name: Secret, ring: Ring): Ring {
  const [current, next] = [ring[name], ring[`${name}_NEXT`]]
  return next ? { [name]: next, [`${name}_PREVIOUS`]: current } : current ? { [name]: current } : {}
}

/** Returns what to do next, when, and why. */
async function adviceAfter(step: string, env: string | undefined): Promise<string> {
  const settings = toSettings(await readWranglerToml(env))
  const { SESSION_IDLE_SECONDS: idle, ACCESS_TOKEN_SECONDS } = settings
  if (step === 'stage')
    return `Next: 'rotate promote', after ${SPREAD_SECONDS} seconds, or ${JWKS_SECONDS + SPREAD_SECONDS} if other services read
/.well-known/jwks.json. A service that does not have the new key yet would reject its tokens.`
  if (step === 'promote')
    return `Next: 'rotate retire', after ${idle} seconds (${(idle / 86_400).toFixed(1)} days: SESSION_IDLE_SECONDS). Until then there may be
refresh tokens signed with the previous key. Access tokens expire sooner, after ${ACCESS_TOKEN_SECONDS} seconds.`
  return 'The rotation is complete: tokens signed with the old key are rejected from now on.'
}

/** Sends the whole ring as one change of the deployed Worker, and deletes the keys that are not in it. */
async function sendRing(ring: Ring, env: string | undefined): Promise<void> {
  const { name = '', account_id: account } = await readWranglerToml(env)
  const api = await openApi(account)
  const environment = env ? ['--env', env] : []
  // wrangler would create an empty Worker.
  if (!(await listSecrets(api, name)))
    throw new CommandError(
      `There is no Worker '${name}' yet; nothing has changed. First: ${toCommand('deploy', environment)}`,
    )
  // A DATA_SECRET that only the Worker has must stay there: without it, no second factor could be checked.
  const known = SECRETS.filter((secret) => ring[secret]).flatMap(variablesOf)
  const secrets = Object.fromEntries(known.map((key) => [key, ring[key] ?? null]))
  const { ok, stdout, stderr } = await runWrangler(['secret', 'bulk', ...environment], 'keep', {
    input: JSON.stringify(secrets),
    env: { CLOUDFLARE_ACCOUNT_ID: api.accountId },
  })
  if (!ok)
    throw new CommandError(
      `wrangler could not set the secrets; nothing has changed.\n${stdout}${stderr}`,
    )
}

/** Runs one step of a rotation, and prints the ring after it and what to do next. */
export async function rotate(step: string | undefined, options: Options): Promise<void> {
  if (!step)
    throw usageError('Missing step. Usage: npm run keys -- rotate stage | promote | retire', SCRIPT)
  const changeRing = lookUp(STEPS, step)
  if (!changeRing) throw unknownCommand(`rotate ${step}`, ROTATIONS, SCRIPT)
  const file = ringFile(options.remote, options.env)
  const before = readRing(file)
  const ring = await changeRing(before, options.algorithm)
  if (step === 'retire') await confirmDeletion(before, options)
  const staged = stageRing(file, ring)
  const needsReseal = step === 'retire' && before.DATA_SECRET_PREVIOUS !== undefined
  let resealed = 0
  try {
    if (needsReseal) resealed = await resealAll(options, before)
    if (options.remote) await sendRing(ring, options.env)
    // Again, for what a Worker encrypted meanwhile that had not heard of the new key.
    if (needsReseal) resealed += await resealAll(options, before)
  } catch (error) {
    staged.discard()
    throw error
  }
  staged.commit()
  print(await describeRing(ring))
  print(`\n${await adviceAfter(step, options.env)}`)
  if (needsReseal) print(`Second factors encrypted with the new key: ${resealed}.`)
  if (!options.remote) print("Restart 'npm run dev' if it is running.")
}

/** Asks before the previous key is deleted: no copy of it remains. */
async function confirmDeletion(ring: Ring, options: Options): Promise<void> {
  const file = ringFile(options.remote, options.env)
  const where = options.remote ? `the deployed Worker and ${file}` : file
  await confirm(
    `${await describeRing(ring)}

This deletes the previous keys from ${where}. Tokens that JWT_SECRET_PREVIOUS signed are rejected from then on.`,
    options,
  )
}

/** Returns a line for each key of the ring, without the secrets. */
export async function describeRing(ring: Ring): Promise<string> {
  const toUse = (name: string) =>
    ({ JWT_SECRET: 'signs', DATA_SECRET: 'encrypts' })[name] ??
    (name.startsWith('JWT') ? 'verifies' : 'decrypts')
  const lines = VARIABLES.map(async (name) => {
    const secret = ring[name]
    if (!secret) return `${name.padEnd(20)} –`
    const key = await importKey(secret).catch((error: unknown) => {
      if (error instanceof KeyProblem) return error
      throw error
    })
    if (key instanceof KeyProblem) return `${name.padEnd(20)} ${key.message}`
    return `${name.padEnd(20)} ${toUse(name).padEnd(9)} ${key.alg.padEnd(6)} kid ${key.kid}`
  })
  return (await Promise.all(lines)).join('\n')
}
