// npm run deploy: production's migrations, then the Worker, with a secret if it has none.

import { parseArgs } from 'node:util'

import { Failure, runCommand } from './failure.ts'
import { generateSecret, readRing, ringFile, writeRing } from './ring-file.ts'
import { runWrangler } from './wrangler.ts'

const HELP = `Usage: npm run deploy [-- <options of wrangler deploy>]

Applies the migrations to production's database, makes a JWT_SECRET if the Worker has none (kept in
.keys.production, which 'npm run keys' needs and git ignores), then deploys. Safe to run again.`

/** Runs one step of wrangler; a failure says what had been done and how to go on. */
async function takeStep(title: string, args: string[], done: string[]): Promise<void> {
  console.log(`\n${title} …`)
  const { ok } = await runWrangler(args, 'show')
  if (!ok)
    throw new Failure(
      `\n${title} failed. Done before: ${done.join(', ') || 'nothing'}.` +
        "\nMend what wrangler says above and run 'npm run deploy' again: every step can be repeated.",
    )
  done.push(title)
}

/** Whether the deployed Worker has its secret; not, when there is no Worker yet. */
async function hasSecret(environment: string[]): Promise<boolean> {
  const { ok, stdout, stderr } = await runWrangler(['secret', 'list', ...environment], 'keep')
  if (ok) return stdout.includes('"JWT_SECRET"')
  // Anything else must not look like a Worker without a secret: a new one would end every session.
  if (/Worker ".*" not found/.test(stdout + stderr)) return false
  throw new Failure(`Cannot tell whether the Worker has a secret:\n${stdout}${stderr}`)
}

/**
 * A first secret goes up together with the Worker: `secret put` needs a Worker, and a deployment
 * needs the required secret.
 */
async function chooseSecrets(env: string | undefined, environment: string[]): Promise<string[]> {
  const file = ringFile(true, env)
  if (await hasSecret(environment)) return []
  if (!readRing(file).JWT_SECRET) {
    writeRing(file, { JWT_SECRET: await generateSecret('HS256') })
    console.log(
      `Made a random JWT_SECRET in ${file}: keep that file, 'npm run keys' rotates with it.`,
    )
  }
  return ['--secrets-file', file]
}

await runCommand(async () => {
  const passedOn = process.argv.slice(2)
  const { values } = parseArgs({
    strict: false,
    args: passedOn,
    options: { env: { type: 'string', short: 'e' }, help: { type: 'boolean' } },
  })
  if (values.help) return console.log(HELP)
  const env = typeof values.env === 'string' ? values.env : undefined
  const environment = env ? ['--env', env] : []
  const done: string[] = []
  const migrations = ['d1', 'migrations', 'apply', 'DB', '--remote', ...environment]
  await takeStep('Migrations', migrations, done)
  const secrets = await chooseSecrets(env, environment)
  await takeStep('Deployment', ['deploy', ...secrets, ...passedOn], done)
  console.log("\nDeployed. Next: a user, 'npm run users -- add <name> --remote'.")
})
