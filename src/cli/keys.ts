// npm run keys: creates secrets, shows the keys, and rotates JWT_SECRET and DATA_SECRET together in three steps.

import { resolveEnvironment } from './cloudflare/environment.ts'
import { ALGORITHMS, generateSecret, readRing, ringFile } from './cloudflare/ring-file.ts'
import { describeRing, type Options, rotate } from './keys/rotate.ts'
import { parseArguments } from './terminal/arguments.ts'
import { runCommand } from './terminal/command-error.ts'
import { print } from './terminal/output.ts'
import { missingCommand, unknownCommand, usageError } from './terminal/usage.ts'

const HELP = `Usage: npm run keys -- <command> [options]

  generate        print a new secret
  status          show which key signs and which keys verify
  rotate stage    create the next keys, which every location must know before
                  they are used
  rotate promote  sign and encrypt with the next keys; the current ones still
                  verify and decrypt
  rotate retire   encrypt again what the previous key has encrypted, and delete
                  the previous keys

  --alg <name>   HS256 (a shared secret, the default), ES256 or EdDSA (with a
                 public key)
  --remote       use the deployed Worker, whose keys are kept in
                 .keys.production, instead of .dev.vars
  --env <name>   use the Worker of this wrangler environment
  --yes          delete the previous key without asking; needed for that
                 without a terminal
  -h, --help     show this help

Each step sends all keys at once, so that no version of the Worker has only some
of them. A rotation in one step would reject tokens wherever the old version
still runs.`

// npm reads --alg as its own -a, -l and -g.
const HINT = "Options come after '--': npm run keys -- rotate stage --alg EdDSA"

const SCRIPT = { script: 'keys' }
const COMMANDS = ['generate', 'status', 'rotate']

const OPTIONS = {
  alg: { type: 'string', default: 'HS256' },
  remote: { type: 'boolean', default: false },
  env: { type: 'string' },
  yes: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

await runCommand(async () => {
  const usage = { ...SCRIPT, max: 2, hint: HINT }
  const { values, positionals } = parseArguments(process.argv.slice(2), OPTIONS, usage)
  const [command, step] = positionals
  if (values.help) return print(HELP)
  if (!command) throw missingCommand(COMMANDS, SCRIPT)
  if (!COMMANDS.includes(command)) throw unknownCommand(command, COMMANDS, SCRIPT)
  const algorithm = ALGORITHMS.find((name) => name === values.alg)
  if (!algorithm) throw usageError(`--alg must be one of ${ALGORITHMS.join(', ')}.`, SCRIPT)
  if (step && command !== 'rotate') throw usageError('Too many arguments.', SCRIPT)
  if (command === 'generate') return print(await generateSecret(algorithm))
  const env = await resolveEnvironment(values.env)
  const options: Options = { remote: values.remote, env, algorithm, yes: values.yes }
  if (command === 'rotate') return rotate(step, options)
  print(await describeRing(readRing(ringFile(options.remote, options.env))))
})
