// One JSON line per event, for `wrangler tail` and Workers Logs. Never a token, password or hash.

/** Everything a line can contain. */
export type LogFields = {
  /** `cf-ray` or a random id, also in the `X-Request-Id` of a 5xx response. */
  requestId?: string
  method?: string
  /** The pattern of the route, never the URL. */
  route?: string | undefined
  status?: number
  /** An existing user. An unknown name is not logged: it may be a password typed in the wrong field. */
  username?: string | undefined
  /** The user that an admin has created, changed or removed. */
  target?: string
  /** A hash of the session's id. */
  session?: string | undefined
  /** The client's network: an IPv4 address, or an IPv6 /64. */
  address?: string
  reason?: string | undefined
  stack?: string | undefined
  count?: number
}

export type Level = 'info' | 'warn' | 'error'

// Anything that an error message might quote by accident: tokens (JSON in base64url), and password hashes as PHC
// strings ($argon2id$…, $scrypt$…), in crypt's form ($2b$…) and in Werkzeug's (scrypt:32768:8:1$…).
const SECRETS =
  /eyJ[\w-]*(\.[\w-]*)*|(\$((argon2|bcrypt|pbkdf2|scrypt)[\w-]*|2[abxy]?|[1567y])|(argon2|bcrypt|pbkdf2|scrypt)[\w:]{0,40})\$[^\s"\\]*/g

/** Writes one line: `error` is for what an operator must fix, `warn` for what they should look at. */
export function log(level: Level, event: string, fields: LogFields): void {
  const line = JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })
  // JSON leaves these two line separators as they are.
  const oneLine = line.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  console[level](oneLine.replace(SECRETS, '[redacted]'))
}
