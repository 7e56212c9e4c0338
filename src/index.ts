// The Worker.

import { app } from './app.ts'
import { deleteEndedSessions } from './auth/sessions.ts'
import { readConfig } from './config.ts'
import { log } from './log.ts'

export default {
  fetch: app.fetch,
  /** Cron trigger: see [triggers] in wrangler.toml. */
  async scheduled(_event, env) {
    const deleted = await deleteEndedSessions(readConfig(env), Math.floor(Date.now() / 1000))
    log('info', 'sessions.deleted', { count: deleted })
  },
} satisfies ExportedHandler<Env>
