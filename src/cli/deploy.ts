// npm run deploy: from a clone to a Worker that is ready, in steps that can all be repeated.

import { parseArgs } from 'node:util'

import {
  applyMigrations,
  checkReadiness,
  checkSettings,
  deploy,
  ensureDatabase,
  ensureSecret,
  logIn,
  type Options,
} from './deploy/deploy-steps.ts'
import { Failure, runCommand } from './terminal/failure.ts'
import { startSteps } from './deploy/steps.ts'

const HELP = `Usage: npm run deploy [-- <options>]

Checks the settings and the log-in, makes the database if there is none, applies the migrations, makes
a JWT_SECRET if the Worker has none (kept in .keys.production, which 'npm run keys' needs and git
ignores), deploys, and asks /ready. Every step can be repeated.

  --env <name>      an environment of wrangler.toml: its Worker, database and secrets are its own
  --url <url>       where to ask /ready, if not at the address that wrangler names
  --wait <seconds>  for how long to ask again: 60
  --dry-run         check, build, and say what would be done
  --help            this text`

function parseCommandLine(): Options | undefined {
  const { env, url, wait, help, 'dry-run': dryRun } = parseOptions()
  if (help) return undefined
  const seconds = Number(wait)
  if (!/^\d{1,4}$/.test(wait)) throw new Failure(`'${wait}' is no number of seconds.\n\n${HELP}`, 2)
  if (url !== undefined && !/^https?:\/\/./.test(url))
    throw new Failure(`'${url}' is no URL.\n\n${HELP}`, 2)
  return { env, url, wait: seconds, dryRun }
}

function parseOptions() {
  try {
    const { values } = parseArgs({
      options: {
        env: { type: 'string', short: 'e' },
        url: { type: 'string' },
        wait: { type: 'string', default: '60' },
        'dry-run': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch {
    // An unknown option, which may be a secret: it is not repeated.
    throw new Failure(
      `Unknown option. What wrangler takes may stand in wrangler.toml.\n\n${HELP}`,
      2,
    )
  }
}

await runCommand(async () => {
  const options = parseCommandLine()
  if (!options) return console.log(HELP)
  const args = process.argv.slice(2)
  const take = startSteps(['npm run deploy', ...(args.length > 0 ? ['--', ...args] : [])].join(' '))
  const config = await take('Settings', () => checkSettings(options))
  const api = await take('Log-in', () => logIn(config))
  await take('Database', () => ensureDatabase(api, config, options))
  await take('Migrations', () => applyMigrations(api, options))
  const secrets = await take('Secret', () => ensureSecret(api, config, options))
  const url = await take('Deployment', () => deploy(api, secrets, options))
  await take('Readiness', () => checkReadiness(options.url ?? url, options))
  const environment = options.env ? ` --env ${options.env}` : ''
  if (options.dryRun) return console.log('\nNothing has been changed.')
  console.log(
    `\nNext: an admin, 'npm run users -- add <name> --role admin --remote${environment}'.`,
  )
})
