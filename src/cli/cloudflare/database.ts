// The D1 database for the command line: the local one that `npm run dev` uses, or production's.

import { Failure } from '../terminal/failure.ts'
import { openRemote } from './remote-database.ts'
import { findDatabaseId, loadWrangler, readWranglerToml } from './wrangler-toml.ts'

export type Target = { remote: boolean; env: string | undefined }

/** Opens the database, lends it to `work`, and closes it. */
export async function withDatabase<Result>(
  { remote, env }: Target,
  work: (db: D1Database) => Promise<Result>,
): Promise<Result> {
  if (remote) return work(await openRemote(await readIds(env)))
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

async function readIds(env: string | undefined) {
  const config = await readWranglerToml(env)
  const databaseId = findDatabaseId(config)
  if (databaseId) return { databaseId, accountId: config.account_id }
  throw new Failure("wrangler.toml names no database yet: 'npm run deploy' makes one")
}

/** The settings in `[vars]` of wrangler.toml, as text. */
export async function readVars(env: string | undefined): Promise<Record<string, unknown>> {
  const { vars } = await readWranglerToml(env)
  return vars
}

/** `PASSWORD_MIN_LENGTH` of wrangler.toml; never below 8, as in the Worker. */
export const readMinLength = async (env: string | undefined): Promise<number> =>
  Math.max(8, Number((await readVars(env)).PASSWORD_MIN_LENGTH ?? 15))
