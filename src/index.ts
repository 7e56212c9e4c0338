// The Worker.

import { app } from './app.ts'
import { cleanUp } from './auth/sessions/clean-up.ts'
import { readConfig } from './config.ts'
import { log } from './log.ts'

export default {
  fetch: app.fetch,
  /** Cron trigger: see [triggers] in wrangler.toml. */
  async scheduled(_event, env) {
    const count = await cleanUp(readConfig(env), Math.floor(Date.now() / 1000))
    log('info', 'rows.deleted', { count })
  },
} satisfies ExportedHandler<Env>
