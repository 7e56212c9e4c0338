// The steps of `npm run deploy`: each looks first at what is there already, so that each can be repeated.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { importKey } from '../../auth/keys/key-ring.ts'
import { readConfig as parseSettings } from '../../config.ts'
import { AppError } from '../../errors.ts'
import { type Api, ApiRefusal, openApi } from '../cloudflare/api.ts'
import { Failure } from '../terminal/failure.ts'
import { toUrl, waitUntilReady } from './readiness.ts'
import { generateSecret, readRing, ringFile, writeRing } from '../cloudflare/ring-file.ts'
import { runWrangler } from '../cloudflare/wrangler.ts'
import {
  findDatabaseId,
  readWranglerToml,
  type WranglerConfig,
  writeDatabaseId,
} from '../cloudflare/wrangler-toml.ts'

export type Options = {
  env: string | undefined
  url: string | undefined
  wait: number
  dryRun: boolean
}
type Database = { uuid: string; name: string }

const NO_WORKER = new Set([10007, 10090]) // the API's codes for a Worker that was never deployed
const NO_DATABASE = 7404

/** What a step without a result returns. */
const noting = (note: string) => ({ note, result: undefined })
/** The account that was found, so that wrangler neither looks for it nor asks. */
const toAccount = ({ accountId }: Api) => ({ CLOUDFLARE_ACCOUNT_ID: accountId })
const toEnvironment = (env: string | undefined) => (env ? ['--env', env] : [])

/** Reads wrangler.toml and judges the settings as the Worker itself will. */
export async function checkSettings({ env }: Options) {
  const config = await readWranglerToml(env)
  const bindings = [...config.d1_databases, ...config.ratelimits].map((entry) =>
    'binding' in entry ? entry.binding : entry.name,
  )
  try {
    parseSettings({
      ...Object.fromEntries(bindings.map((name) => [name, {}])),
      ...config.vars,
    } as unknown as Env)
  } catch (error) {
    if (error instanceof AppError) throw new Failure(error.message)
    throw error
  }
  const own = config.vars.JWT_ISSUER !== 'latchkey'
  const note = own
    ? 'good'
    : "good, but JWT_ISSUER is still 'latchkey': let it name you, and each environment apart"
  return { note, result: config }
}

export async function logIn(config: WranglerConfig) {
  const api = await openApi(config.account_id)
  return { note: `account ${api.accountId}`, result: api }
}

/** Makes sure that wrangler.toml names a database of this account. */
export async function ensureDatabase(api: Api, config: WranglerConfig, { env, dryRun }: Options) {
  const known = findDatabaseId(config)
  const entry = config.d1_databases.find(({ binding }) => binding === 'DB')
  const name = entry?.database_name ?? 'latchkey'
  if (known) {
    await checkDatabase(api, known)
    return noting(`${name} is there`)
  }
  const databases = (await api.call(`/d1/database?name=${encodeURIComponent(name)}`)) as Database[]
  const found = databases.find((database) => database.name === name)
  if (dryRun) return noting(`${name} ${found ? 'is there' : 'would be made'}`)
  const { uuid } = found ?? ((await api.call('/d1/database', { name })) as Database)
  await writeDatabaseId(env, uuid)
  return noting(
    `${name} ${found ? 'was there' : 'made'}; its id stands in wrangler.toml now, to be committed`,
  )
}

async function checkDatabase(api: Api, id: string): Promise<void> {
  await api.call(`/d1/database/${id}`).catch((error: unknown) => {
    if (!(error instanceof ApiRefusal) || !error.codes.includes(NO_DATABASE)) throw error
    throw new Failure(
      `wrangler.toml names a database that this account does not have: ${id}.\nTake its database_id out to have one made.`,
    )
  })
}

export async function applyMigrations(api: Api, { env, dryRun }: Options) {
  if (dryRun) return noting('would be applied')
  const args = ['d1', 'migrations', 'apply', 'DB', '--remote', ...toEnvironment(env)]
  const stdout = await runQuietly(api, args)
  const none = stdout.includes('No migrations to apply')
  return noting(none ? 'none to apply' : 'applied')
}

/** Whether the deployed Worker has its secret; not, when there is no Worker yet. */
async function hasSecret(api: Api, worker: string): Promise<boolean> {
  try {
    const secrets = (await api.call(`/workers/scripts/${worker}/secrets`)) as { name: string }[]
    return secrets.some(({ name }) => name === 'JWT_SECRET')
  } catch (error) {
    // Any other refusal must not look like a Worker without a secret: a new one would end every session.
    if (error instanceof ApiRefusal && error.codes.some((code) => NO_WORKER.has(code))) return false
    throw error
  }
}

/**
 * A first secret goes up together with the Worker: `secret put` needs a Worker, and a deployment
 * needs the required secret. The result is wrangler's options.
 */
export async function ensureSecret(
  api: Api,
  { name = '' }: WranglerConfig,
  { env, dryRun }: Options,
) {
  if (await hasSecret(api, name)) return { note: 'is there', result: [] }
  const file = ringFile(true, env)
  const result = ['--secrets-file', file]
  const { JWT_SECRET: kept } = readRing(file)
  if (kept) {
    await importKey(kept).catch((error: Error) => {
      throw new Failure(`JWT_SECRET in ${file} ${error.message}.`)
    })
    return { note: `from ${file}`, result }
  }
  if (dryRun) return { note: `would be made, in ${file}`, result: [] }
  writeRing(file, { JWT_SECRET: await generateSecret('HS256') })
  return { note: `made, in ${file}: keep that file, 'npm run keys' rotates with it`, result }
}

/** Deploys; the result is the Worker's address, as far as wrangler names one. */
export async function deploy(api: Api, secrets: string[], { env, dryRun }: Options) {
  if (dryRun) {
    await runQuietly(api, ['deploy', '--dry-run', ...toEnvironment(env)])
    return noting('would be done: the Worker builds')
  }
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-deploy-'))
  const report = join(folder, 'report.jsonl')
  try {
    const args = ['deploy', ...secrets, ...toEnvironment(env)]
    const { ok } = await runWrangler(args, 'show', {
      env: { ...toAccount(api), WRANGLER_OUTPUT_FILE_PATH: report },
    })
    if (!ok) throw new Failure('wrangler says why above.')
    const [, targets = '[]'] = /"targets":(\[[^\]]*\])/.exec(readFileSync(report, 'utf8')) ?? []
    const url = toUrl(JSON.parse(targets))
    return { note: 'done', result: url }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Asks the deployed Worker whether it is ready. */
export async function checkReadiness(url: string | undefined, { wait, dryRun }: Options) {
  if (dryRun) return noting('would be asked')
  if (!url) return noting('not asked, since wrangler names no address: give it with --url')
  await waitUntilReady(url, wait)
  return noting(`${url} is ready`)
}

/** Runs wrangler without its output, which a failure then shows; returns its standard output. */
async function runQuietly(api: Api, args: string[]): Promise<string> {
  const { ok, stdout, stderr } = await runWrangler(args, 'keep', { env: toAccount(api) })
  if (ok) return stdout
  throw new Failure(`wrangler says:\n${stdout}${stderr}`)
}
