// The Worker's entry.

import { app } from './app.ts'
import { argon2id } from './auth/passwords/argon2.ts'
import { cleanUp } from './auth/sessions/clean-up.ts'
import { openIsolate } from './isolate.ts'
import { log } from './log.ts'
export { Guard } from './rpc/guard.ts' // for other Workers

export default {
  fetch: app.fetch,
  /** Runs by the cron trigger in wrangler.toml. */
  async scheduled(_event, env) {
    const count = await cleanUp(openIsolate(env, argon2id), Math.floor(Date.now() / 1000))
    if (count > 0) log('info', 'rows.deleted', { count })
  },
} satisfies ExportedHandler<Env>
