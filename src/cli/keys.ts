// npm run keys: makes secrets, shows the key ring, and rotates it in three steps.

import { parseArgs } from 'node:util'

import { importKey, KeyProblem } from '../auth/keys/key-ring.ts'
import { readVars } from './cloudflare/database.ts'
import { Failure, runCommand } from './terminal/failure.ts'
import {
  type Algorithm,
  ALGORITHMS,
  generateSecret,
  readRing,
  type Ring,
  ringFile,
  VARIABLES,
  writeRing,
} from './cloudflare/ring-file.ts'
import { runWrangler } from './cloudflare/wrangler.ts'

const HELP = `Usage: npm run keys -- <command> [options]

  generate          print a new secret
  status            the ring: which key signs, which verify
  rotate stage      make the next key: known everywhere before it signs
  rotate promote    the next key signs, the current one still verifies
  rotate retire     forget the previous key

  --alg <name>   HS256 (a shared secret, the default), ES256 or EdDSA (with a public half)
  --remote       the deployed Worker instead of .dev.vars; its ring is kept in .keys.production
  --env <name>   the Worker of this wrangler environment
  --help         this text

Each step sends the whole ring at once, so that no version of the Worker has half of it. Straight from the
current key to a new one would reject tokens wherever the old version still runs: hence three steps.`

const SPREAD_SECONDS = 60 // a deployment reaches every location
const JWKS_SECONDS = 300 // max-age of /.well-known/jwks.json

type Step = (ring: Ring, algorithm: Algorithm) => Promise<Ring> | Ring

const STEPS: Record<string, Step> = {
  async stage(ring, algorithm) {
    if (!ring.JWT_SECRET)
      throw new Failure("There is no current key: 'npm run dev' or 'npm run deploy' makes one.")
    if (ring.JWT_SECRET_PREVIOUS)
      throw new Failure("A previous key is still there: 'rotate retire' first.")
    if (ring.JWT_SECRET_NEXT)
      throw new Failure("A next key is there already: 'rotate promote' is the next step.")
    return { ...ring, JWT_SECRET_NEXT: await generateSecret(algorithm) }
  },
  promote({ JWT_SECRET: current, JWT_SECRET_NEXT: next }) {
    if (!current || !next) throw new Failure("There is no next key: 'rotate stage' first.")
    return { JWT_SECRET: next, JWT_SECRET_PREVIOUS: current }
  },
  retire({ JWT_SECRET: current, JWT_SECRET_PREVIOUS: previous }) {
    if (!current || !previous)
      throw new Failure("There is no previous key: 'rotate stage' and 'rotate promote' first.")
    return { JWT_SECRET: current }
  },
}

/** What to do next, when, and why. */
async function adviceAfter(step: string, env: string | undefined): Promise<string> {
  const vars = await readVars(env)
  const idle = Number(vars.SESSION_IDLE_SECONDS)
  if (step === 'stage')
    return `Next: 'rotate promote', after ${SPREAD_SECONDS} seconds, or ${JWKS_SECONDS + SPREAD_SECONDS} where other services read
/.well-known/jwks.json: whoever does not know the key yet would refuse what it signs.`
  if (step === 'promote')
    return `Next: 'rotate retire', after ${idle} seconds (${(idle / 86_400).toFixed(1)} days: SESSION_IDLE_SECONDS): until then there
may be a refresh token that the previous key signed. Access tokens end sooner, after ${vars.ACCESS_TOKEN_SECONDS} seconds.`
  return 'The rotation is complete: tokens of the old key are refused from now on.'
}

/** Sends the whole ring as one change of the deployed Worker: what is not in it is deleted. */
async function sendRing(ring: Ring, env: string | undefined): Promise<void> {
  const secrets = Object.fromEntries(VARIABLES.map((name) => [name, ring[name] ?? null]))
  const args = ['secret', 'bulk', ...(env ? ['--env', env] : [])]
  const { ok, stdout, stderr } = await runWrangler(args, 'keep', { input: JSON.stringify(secrets) })
  if (!ok)
    throw new Failure(
      `wrangler could not set the secrets; nothing has changed.\n${stdout}${stderr}`,
    )
}

async function rotate(step: string | undefined, options: Options): Promise<void> {
  const take = step === undefined ? undefined : STEPS[step]
  if (!step || !take)
    throw new Failure(`Which step? npm run keys -- rotate stage | promote | retire`, 2)
  const file = ringFile(options.remote, options.env)
  const ring = await take(readRing(file), options.algorithm)
  if (options.remote) await sendRing(ring, options.env)
  writeRing(file, ring)
  console.log(await toTable(ring))
  console.log(`\n${await adviceAfter(step, options.env)}`)
  if (!options.remote) console.log("A running 'npm run dev' must be started again.")
}

async function toTable(ring: Ring): Promise<string> {
  const use = { JWT_SECRET: 'signs', JWT_SECRET_NEXT: 'verifies', JWT_SECRET_PREVIOUS: 'verifies' }
  const rows = VARIABLES.map(async (name) => {
    const secret = ring[name]
    if (!secret) return `${name.padEnd(20)} –`
    const key = await importKey(secret).catch((error: unknown) => {
      if (error instanceof KeyProblem) return error
      throw error
    })
    if (key instanceof KeyProblem) return `${name.padEnd(20)} ${key.message}`
    return `${name.padEnd(20)} ${use[name].padEnd(9)} ${key.alg.padEnd(6)} kid ${key.kid}`
  })
  return (await Promise.all(rows)).join('\n')
}

type Options = { remote: boolean; env: string | undefined; algorithm: Algorithm }

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        alg: { type: 'string', default: 'HS256' },
        remote: { type: 'boolean', default: false },
        env: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
  } catch {
    // An unknown option, which may be a secret: it is not repeated.
    throw new Failure(`Unknown option.\n\n${HELP}`, 2)
  }
}

await runCommand(async () => {
  const { values, positionals } = parseCommandLine()
  const [command, step, ...rest] = positionals
  if (values.help || !command) return console.log(HELP)
  const algorithm = ALGORITHMS.find((name) => name === values.alg)
  if (!algorithm) throw new Failure(`--alg is one of ${ALGORITHMS.join(', ')}.`, 2)
  if (rest.length > 0 || (step && command !== 'rotate'))
    throw new Failure(`Too many arguments.\n\n${HELP}`, 2)
  const options: Options = { remote: values.remote, env: values.env, algorithm }

  if (command === 'generate') return console.log(await generateSecret(algorithm))
  if (command === 'rotate') return rotate(step, options)
  if (command !== 'status') throw new Failure(`Unknown command '${command}'.\n\n${HELP}`, 2)
  console.log(await toTable(readRing(ringFile(options.remote, options.env))))
})
