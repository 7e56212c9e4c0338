// The steps of `npm run deploy`. Each checks first what exists already, so that each can be repeated.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Api, ApiError, NotLoggedIn, openApi } from '../cloudflare/api.ts'
import { readRing, ringFile, SECRETS } from '../cloudflare/ring-file.ts'
import { runWrangler } from '../cloudflare/wrangler.ts'
import {
  findDatabaseId,
  readWranglerToml,
  toSettings,
  type WranglerConfig,
  writeDatabaseId,
} from '../cloudflare/wrangler-toml.ts'
import { CommandError } from '../terminal/command-error.ts'
import { toUrl, waitUntilReady } from './readiness.ts'
import type { RunStep } from './steps.ts'

export type Options = {
  env: string | undefined
  url: string | undefined
  wait: number
  dryRun: boolean
}
type Database = { uuid: string; name: string }

const NO_DATABASE = 7404
const MIGRATIONS = 'src/db/migrations' // migrations_dir in wrangler.toml

/** Returns the outcome of a step without a result. */
const toOutcome = (note: string) => ({ note, result: undefined })
/** Tells wrangler the account, so that it does not ask. */
const toAccount = (api: Api | undefined) =>
  api ? { CLOUDFLARE_ACCOUNT_ID: api.accountId } : undefined
const toEnvironment = (env: string | undefined) => (env ? ['--env', env] : [])

/** Reads wrangler.toml and checks the settings with the Worker's own code. Throws `settings_invalid`. */
export async function checkSettings(options: Options) {
  const config = await readWranglerToml(options.env)
  const { JWT_ISSUER } = toSettings(config)
  requireNoPreviewUrls(config)
  const note =
    JWT_ISSUER === 'latchkey'
      ? "valid, but JWT_ISSUER is still 'latchkey': set a different one for each environment"
      : 'valid'
  return { note, result: config }
}

/** Throws a CommandError if old versions would stay reachable, with their old secrets and this database. */
function requireNoPreviewUrls({ preview_urls: previewUrls, topLevelName }: WranglerConfig): void {
  if (previewUrls === false) return
  throw new CommandError(`Version URLs are on: <version>-${topLevelName}.<subdomain>.workers.dev would serve old versions
with their old secrets and the production database. Set preview_urls = false in wrangler.toml.`)
}

/** Opens the account. Without a login a plan is still shown: its result is undefined then. */
export async function authenticate(config: WranglerConfig, { dryRun }: Options) {
  try {
    const api = await openApi(config.account_id)
    return { note: `account ${api.accountId}`, result: api }
  } catch (error) {
    if (!dryRun || !(error instanceof NotLoggedIn)) throw error
    return { note: 'not logged in, so what exists already is unknown', result: undefined }
  }
}

/** The plan without a login, of which each step checks first what exists. */
export async function planWithoutLogin(
  runStep: RunStep,
  config: WranglerConfig,
  options: Options,
): Promise<void> {
  const file = ringFile(true, options.env)
  const id = findDatabaseId(config)
  const ring = readRing(file)
  const isKept = SECRETS.every((name) => ring[name])
  const database = id
    ? `${toDatabaseName(config)} would be checked: ${id}`
    : `${toDatabaseName(config)} would be created unless it exists, and its id written into wrangler.toml`
  const secret = `would be ${isKept ? `taken from ${file}` : `created in ${file}`} unless the Worker has them`
  await runStep('Database', async () => toOutcome(database))
  await runStep('Migrations', () => applyMigrations(undefined, options))
  await runStep('Secret', async () => toOutcome(secret))
  await runStep('Deployment', () => deploy(undefined, [], options))
  await runStep('Readiness', () => checkReadiness(options.url, options))
}

/** Checks the database in wrangler.toml, or finds or creates one and writes its id there. */
export async function ensureDatabase(api: Api, config: WranglerConfig, { env, dryRun }: Options) {
  const id = findDatabaseId(config)
  const name = toDatabaseName(config)
  if (id) {
    await checkDatabase(api, id)
    return toOutcome(`${name} exists`)
  }
  const databases = (await api.call(`/d1/database?name=${encodeURIComponent(name)}`)) as Database[]
  const found = databases.find((database) => database.name === name)
  if (dryRun)
    return toOutcome(
      `${name} ${found ? 'exists' : 'would be created'}; its id would be written into wrangler.toml`,
    )
  const { uuid } = found ?? ((await api.call('/d1/database', { name })) as Database)
  await writeDatabaseId(env, uuid)
  return toOutcome(
    `${name} ${found ? 'found' : 'created'}; its id is in wrangler.toml now: commit that file`,
  )
}

const toDatabaseName = ({ d1_databases: databases }: WranglerConfig) =>
  databases.find(({ binding }) => binding === 'DB')?.database_name ?? 'latchkey'

async function checkDatabase(api: Api, id: string): Promise<void> {
  await api.call(`/d1/database/${id}`).catch((error: unknown) => {
    if (!(error instanceof ApiError) || !error.codes.includes(NO_DATABASE)) throw error
    throw new CommandError(
      `wrangler.toml names a database that this account does not have: ${id}.\nRemove the database_id to create a new one.`,
    )
  })
}

export async function applyMigrations(api: Api | undefined, { env, dryRun }: Options) {
  if (dryRun) {
    const files = readdirSync(MIGRATIONS).toSorted()
    return toOutcome(`would be applied unless they are: ${files.join(', ')}`)
  }
  const args = ['d1', 'migrations', 'apply', 'DB', '--remote', ...toEnvironment(env)]
  const stdout = await runQuietly(api, args)
  const none = stdout.includes('No migrations to apply')
  return toOutcome(none ? 'none to apply' : 'applied')
}

/** Deploys; the result is the Worker's URL, if wrangler names one. */
export async function deploy(api: Api | undefined, secrets: string[], { env, dryRun }: Options) {
  if (dryRun) {
    await runQuietly(api, ['deploy', '--dry-run', ...toEnvironment(env)])
    return toOutcome('would be done: the Worker builds')
  }
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-deploy-'))
  const report = join(folder, 'report.jsonl')
  try {
    const args = ['deploy', ...secrets, ...toEnvironment(env)]
    const { ok } = await runWrangler(args, 'show', {
      env: { ...toAccount(api), WRANGLER_OUTPUT_FILE_PATH: report },
    })
    if (!ok) throw new CommandError('See the output of wrangler above.')
    const [, targets = '[]'] = /"targets":(\[[^\]]*\])/.exec(readFileSync(report, 'utf8')) ?? []
    const url = toUrl(JSON.parse(targets))
    return { note: 'done', result: url }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Waits until the deployed Worker is ready. */
export async function checkReadiness(url: string | undefined, { wait, dryRun }: Options) {
  if (dryRun) return toOutcome(`would be checked at ${url ?? 'the URL that wrangler reports'}`)
  if (!url) return toOutcome('not checked, because wrangler names no URL: pass it with --url')
  await waitUntilReady(url, wait)
  return toOutcome(`${url} is ready`)
}

/** Runs wrangler and returns its standard output. Throws a CommandError with all output. */
async function runQuietly(api: Api | undefined, args: string[]): Promise<string> {
  const { ok, stdout, stderr } = await runWrangler(args, 'keep', { env: { ...toAccount(api) } })
  if (ok) return stdout
  throw new CommandError(`The output of wrangler:\n${stdout}${stderr}`)
}
