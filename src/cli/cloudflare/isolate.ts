// The Worker's code on the command line: its settings and its database, local or in production.

import { join } from 'node:path'

import { type Isolate, openIsolate } from '../../isolate.ts'
import { CommandError } from '../terminal/command-error.ts'
import { argon2id } from '../users/argon2.ts'
import { retryWhenBusy } from './busy-database.ts'
import { openRemote } from './remote-database.ts'
import {
  findDatabaseId,
  loadWrangler,
  readWranglerToml,
  type WranglerConfig,
} from './wrangler-toml.ts'

/** `persistTo` is the folder of the local database, by default wrangler's. */
export type Target = { remote: boolean; env: string | undefined; persistTo?: string | undefined }

// The command line does not count attempts.
const NO_LIMIT: RateLimit = { limit: async () => ({ success: true }) }
const LIMITERS = { LOGIN_LIMITER: NO_LIMIT, REFRESH_LIMITER: NO_LIMIT }

/**
 * Opens an isolate on the local database that `npm run dev` uses, or on production's, and closes it
 * after `work`. Needs no secrets. Throws a CommandError, or `settings_invalid`.
 */
export async function withIsolate<Result>(
  { remote, env, persistTo }: Target,
  work: (isolate: Isolate) => Promise<Result>,
): Promise<Result> {
  const config = await readWranglerToml(env)
  if (remote) {
    const bindings = { DB: await openRemote(readIds(config)), ...LIMITERS }
    // `[vars]` may contain anything: the settings are parsed from it.
    return work(openIsolate({ ...config.vars, ...bindings } as unknown as Env, argon2id))
  }
  const { getPlatformProxy } = await loadWrangler()
  const proxy = await getPlatformProxy<Env>({
    ...(env && { environment: env }),
    ...(persistTo && { persist: { path: join(persistTo, 'v3') } }), // as wrangler dev does
    remoteBindings: false,
  })
  try {
    return await work(
      openIsolate({ ...proxy.env, DB: retryWhenBusy(proxy.env.DB), ...LIMITERS }, argon2id),
    )
  } finally {
    await proxy.dispose()
  }
}

function readIds(config: WranglerConfig) {
  const databaseId = findDatabaseId(config)
  if (databaseId) return { databaseId, accountId: config.account_id }
  throw new CommandError("wrangler.toml names no database yet: 'npm run deploy' creates one")
}
