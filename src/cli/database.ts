// The D1 database for the command line: the local one that `npm run dev` uses, or production's.

import { Failure } from './failure.ts'
import { openRemote } from './remote-database.ts'

export type Target = { remote: boolean; env: string | undefined }

const PLACEHOLDER = /^[0-]+$/

/** wrangler as a library: loaded when needed, since that takes a second, and told to be quiet. */
async function loadWrangler() {
  process.env.WRANGLER_LOG ??= 'error'
  return import('wrangler')
}

/** Opens the database, lends it to `work`, and closes it. */
export async function withDatabase<Result>(
  { remote, env }: Target,
  work: (db: D1Database) => Promise<Result>,
): Promise<Result> {
  if (remote) return work(await openRemote(await readDatabaseId(env)))
  const { getPlatformProxy } = await loadWrangler()
  const proxy = await getPlatformProxy<Env>({
    ...(env && { environment: env }),
    remoteBindings: false,
  })
  try {
    return await work(proxy.env.DB)
  } finally {
    await proxy.dispose()
  }
}

async function readConfig(env: string | undefined) {
  const { unstable_readConfig: readWranglerConfig } = await loadWrangler()
  return readWranglerConfig({ ...(env && { env }) }, { hideWarnings: true })
}

async function readDatabaseId(env: string | undefined) {
  const config = await readConfig(env)
  const database = config.d1_databases.find(({ binding }: { binding: string }) => binding === 'DB')
  if (!database?.database_id || PLACEHOLDER.test(database.database_id))
    throw new Failure(
      "wrangler.toml names no database yet: 'npx wrangler d1 create latchkey', then put its database_id there",
    )
  return { databaseId: database.database_id, accountId: config.account_id }
}

/** The settings in `[vars]` of wrangler.toml, as text. */
export async function readVars(env: string | undefined): Promise<Record<string, unknown>> {
  const { vars } = await readConfig(env)
  return vars
}

/** `PASSWORD_MIN_LENGTH` of wrangler.toml; never below 8, as in the Worker. */
export const readMinLength = async (env: string | undefined): Promise<number> =>
  Math.max(8, Number((await readVars(env)).PASSWORD_MIN_LENGTH ?? 15))
