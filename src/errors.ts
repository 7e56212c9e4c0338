// Every failure that a client may see: one code, one status, one text.

/**
 * `msg` is what the guard says, `error` what everything else says: the lesson's own split.
 * `challenge` is the `error` attribute of `WWW-Authenticate` (RFC 6750 3.1, RFC 9470 3).
 * `event` is what the log calls it; a failure without one is not logged.
 * `retryAfter` is the default of `Retry-After`, in seconds.
 */
export type Answer = {
  status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 500 | 503
  challenge?: 'invalid_token' | 'insufficient_scope' | 'insufficient_user_authentication'
  event?: string
  retryAfter?: number
} & ({ msg: string } | { error: string })

export const ANSWERS = {
  authorization_missing: { status: 401, msg: 'Missing Authorization Header' },
  authorization_scheme: {
    status: 401,
    msg: "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'",
  },
  authorization_malformed: {
    status: 401,
    msg: "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'",
  },
  token_malformed: { status: 401, msg: 'Not enough segments', challenge: 'invalid_token' },
  token_signature: {
    status: 401,
    msg: 'Signature verification failed',
    challenge: 'invalid_token',
  },
  token_invalid: { status: 401, msg: 'Invalid token', challenge: 'invalid_token' },
  token_expired: { status: 401, msg: 'Token has expired', challenge: 'invalid_token' },
  token_not_access: {
    status: 401,
    msg: 'Only non-refresh tokens are allowed',
    challenge: 'invalid_token',
  },
  token_not_refresh: {
    status: 401,
    msg: 'Only refresh tokens are allowed',
    challenge: 'invalid_token',
  },
  token_revoked: { status: 401, msg: 'Token has been revoked', challenge: 'invalid_token' },
  token_reused: {
    status: 401,
    msg: 'Token has been revoked',
    challenge: 'invalid_token',
    event: 'session.reuse_detected',
  },
  token_not_fresh: {
    status: 401,
    msg: 'Fresh token required',
    challenge: 'insufficient_user_authentication',
  },
  role_missing: {
    status: 403,
    msg: 'Role required',
    challenge: 'insufficient_scope',
    event: 'access.denied',
  },
  origin_refused: {
    status: 403,
    msg: 'Cookies are taken from pages of this origin only',
    event: 'origin.refused',
  },
  bad_credentials: { status: 401, error: 'Bad username or password', event: 'login.failed' },
  password_wrong: { status: 400, error: 'Wrong password', event: 'login.failed' },
  too_many_tries: { status: 429, error: 'Too many tries', event: 'login.limited', retryAfter: 60 },
  busy: { status: 503, error: 'Service unavailable', event: 'login.busy', retryAfter: 1 },
  input_invalid: { status: 400, error: 'Invalid input' },
  username_taken: { status: 409, error: 'Username is taken' },
  last_admin: { status: 409, error: 'The last admin must remain' },
  body_incomplete: { status: 400, error: 'Request body is incomplete' },
  body_too_large: { status: 413, error: 'Request body is too large' },
  body_not_json: { status: 415, error: 'Content-Type must be application/json' },
  https_required: { status: 403, error: 'HTTPS required' },
  not_found: { status: 404, error: 'Not found' },
  method_not_allowed: { status: 405, error: 'Method not allowed' },
  database_failed: {
    status: 503,
    error: 'Service unavailable',
    event: 'database.failed',
    retryAfter: 5,
  },
  keys_invalid: {
    status: 503,
    error: 'Service unavailable',
    event: 'keys.invalid',
    retryAfter: 60,
  },
  settings_invalid: {
    status: 503,
    error: 'Service unavailable',
    event: 'settings.invalid',
    retryAfter: 60,
  },
  not_ready: { status: 503, error: 'Not ready', event: 'not.ready', retryAfter: 5 },
  internal: { status: 500, error: 'Internal server error', event: 'error' },
} as const satisfies Record<string, Answer>

export type ErrorCode = keyof typeof ANSWERS

/** What one field of a request body is refused for: `{ "password": ["Missing data …"] }`. */
export type FieldErrors = Record<string, string[]>

/** What an answer or its log line needs beside the row. */
type Details = {
  /** Takes the place of the row's `error`. */
  error?: string | FieldErrors
  allow?: string[]
  maxAge?: number
  retryAfter?: number
  username?: string
  sid?: string
}

/**
 * An expected failure. `code` decides what the client is told; `reason` is exact and goes to the
 * log alone, so it must not hold a token, a password, a hash or a secret.
 */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: Details

  constructor(code: ErrorCode, reason: string, details: Details = {}) {
    super(reason)
    this.name = 'AppError'
    this.code = code
    this.details = details
  }
}
