// One JSON line an event, for `wrangler tail` and Workers Logs. Never a token, password or hash.

/** What a line may say beside its time and event. */
export type LogFields = {
  requestId?: string
  method?: string
  route?: string | undefined
  status?: number
  username?: string | undefined
  reason?: string
  stack?: string | undefined
  count?: number
}

// Whatever an error's text may quote by accident: tokens (JSON in base64url) and password hashes.
const SECRETS = /eyJ[\w-]*(\.[\w-]*)*|\$argon2\w*\$[^\s"]*/g

/** Writes one line; `error` for what an operator must mend, `warn` for what they should look at. */
export function log(level: 'info' | 'warn' | 'error', event: string, fields: LogFields): void {
  const line = JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })
  console[level](line.replace(SECRETS, '[redacted]'))
}
