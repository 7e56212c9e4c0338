// npm run deploy: from a clone to a Worker that is ready, in steps that can all be repeated.

import { resolveEnvironment } from './cloudflare/environment.ts'
import { createStepRunner } from './deploy/steps.ts'
import {
  applyMigrations,
  authenticate,
  checkReadiness,
  checkSettings,
  deploy,
  ensureDatabase,
  type Options,
  planWithoutLogin,
} from './deploy/deploy-steps.ts'
import { ensureSecrets } from './deploy/secrets.ts'
import { isHttpUrl, parseArguments } from './terminal/arguments.ts'
import { toCommand } from './terminal/quote.ts'
import { runCommand } from './terminal/command-error.ts'
import { print } from './terminal/output.ts'
import { usageError } from './terminal/usage.ts'

const HELP = `Usage: npm run deploy [-- <options>]

Checks the settings and the login, creates the database if there is none,
applies the migrations, creates JWT_SECRET and DATA_SECRET if the Worker has
none, deploys, and checks /ready. The secrets are kept in .keys.production,
which 'npm run keys' needs and git ignores. Every step can be repeated.

  --env <name>      deploy an environment of wrangler.toml, with its own Worker,
                    database and secrets
  --url <url>       check /ready here, not at the URL that wrangler reports
  --wait <seconds>  how long to wait for /ready (default 60)
  --dry-run         check, build, and show what would be done; needs no login
  -h, --help        show this help`

const OPTIONS = {
  env: { type: 'string', short: 'e' },
  url: { type: 'string' },
  wait: { type: 'string', default: '60' },
  'dry-run': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

const SCRIPT = { script: 'deploy' }
const HINT = 'Set options of wrangler in wrangler.toml.'

function parseCommandLine(args: string[]): Options | undefined {
  const { values } = parseArguments(args, OPTIONS, { ...SCRIPT, max: 0, hint: HINT })
  const { env, url, wait, help, 'dry-run': dryRun } = values
  if (help) return undefined
  if (!/^\d{1,4}$/.test(wait))
    throw usageError(`'${wait}' is not a valid number of seconds. Example: --wait 120`, SCRIPT)
  if (url !== undefined && !isHttpUrl(url))
    throw usageError(
      `'${url}' is not a valid URL. Example: --url https://login.example.com`,
      SCRIPT,
    )
  return { env, url, wait: Number(wait), dryRun }
}

await runCommand(async () => {
  const args = process.argv.slice(2)
  const options = parseCommandLine(args)
  if (!options) return print(HELP)
  const runStep = createStepRunner(toCommand('deploy', args))
  const config = await runStep('Settings', async () => {
    options.env = await resolveEnvironment(options.env)
    return checkSettings(options)
  })
  const api = await runStep('Login', () => authenticate(config, options))
  if (!api) {
    await planWithoutLogin(runStep, config, options)
    return print("\nNothing has been changed. Before you deploy: 'npx wrangler login'.")
  }
  await runStep('Database', () => ensureDatabase(api, config, options))
  await runStep('Migrations', () => applyMigrations(api, options))
  const secrets = await runStep('Secret', () => ensureSecrets(api, config, options))
  const url = await runStep('Deployment', () => deploy(api, secrets, options))
  await runStep('Readiness', () => checkReadiness(options.url ?? url, options))
  const environment = options.env ? ` --env ${options.env}` : ''
  if (options.dryRun) return print('\nNothing has been changed.')
  print(
    `\nNext: invite an admin, 'npm run users -- add <name> --invite --role admin --remote${environment}'.`,
  )
})
