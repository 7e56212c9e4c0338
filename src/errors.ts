// Every error that a client can see: one code, one status, one text.

/**
 * The guard reports errors in `msg`, everything else in `error`: the lesson's own split. A row with
 * neither gets its `error` where it is thrown.
 */
export type ErrorSpec = {
  status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 429 | 500 | 503
  msg?: string
  error?: string
  /** The `error` attribute of `WWW-Authenticate` (RFC 6750 3.1, RFC 9470 3). */
  challenge?: 'invalid_token' | 'insufficient_scope' | 'insufficient_user_authentication'
  /** The name of the log event. Errors without one are not logged. */
  event?: string
  /** The default of `Retry-After`, in seconds. */
  retryAfter?: number
}

const REJECTED = { status: 401, challenge: 'invalid_token', event: 'token.rejected' } as const
const STEP_UP = { status: 401, challenge: 'insufficient_user_authentication' } as const
const UNAVAILABLE = { status: 503, error: 'Service unavailable' } as const

export const ERRORS = {
  authorization_missing: { status: 401, msg: 'Missing Authorization Header' },
  authorization_scheme: {
    status: 401,
    msg: "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'",
  },
  authorization_malformed: {
    status: 401,
    msg: "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'",
  },
  token_malformed: { ...REJECTED, msg: 'Not enough segments' },
  token_signature: { ...REJECTED, msg: 'Signature verification failed' },
  token_invalid: { ...REJECTED, msg: 'Invalid token' },
  token_expired: { status: 401, challenge: 'invalid_token', msg: 'Token has expired' },
  token_not_access: { ...REJECTED, msg: 'Only non-refresh tokens are allowed' },
  token_not_refresh: { ...REJECTED, msg: 'Only refresh tokens are allowed' },
  token_revoked: { ...REJECTED, msg: 'Token has been revoked' },
  token_reused: { ...REJECTED, msg: 'Token has been revoked', event: 'session.reuse_detected' },
  token_not_fresh: { ...STEP_UP, msg: 'Fresh token required' },
  factor_required: { ...STEP_UP, msg: 'Second factor required' },
  role_missing: {
    status: 403,
    msg: 'Role required',
    challenge: 'insufficient_scope',
    event: 'access.denied',
  },
  origin_refused: {
    status: 403,
    msg: 'Cookies are accepted from pages of this origin only',
    event: 'origin.refused',
  },
  bad_credentials: { status: 401, error: 'Bad username or password', event: 'login.failed' },
  otp_required: { ...STEP_UP, error: 'One-time code required', event: 'login.otp_required' },
  otp_wrong: { status: 401, error: 'Bad one-time code', event: 'login.failed' },
  password_wrong: { status: 400, event: 'login.failed' },
  too_many_attempts: {
    status: 429,
    error: 'Too many attempts',
    event: 'login.limited',
    retryAfter: 60,
  },
  busy: { ...UNAVAILABLE, event: 'login.busy', retryAfter: 1 },
  code_invalid: { status: 400, event: 'code.rejected' },
  input_invalid: { status: 400 },
  username_taken: { status: 409 },
  too_many_factors: { status: 409, error: 'Too many factors' },
  last_admin: { status: 409, error: 'The last admin must remain' },
  url_malformed: { status: 400, error: 'Malformed percent-encoding in URL' },
  body_incomplete: { status: 400, error: 'Request body is incomplete' },
  body_malformed: { status: 400, error: 'Malformed JSON in request body' },
  body_timeout: { status: 408, error: 'Request body took too long' },
  body_too_large: { status: 413, error: 'Request body is too large' },
  body_not_json: { status: 415, error: 'Content-Type must be application/json' },
  cross_site: { status: 403, error: 'Not allowed from this origin', event: 'origin.refused' },
  https_required: { status: 403, error: 'HTTPS required' },
  not_found: { status: 404, error: 'Not found' },
  method_not_allowed: { status: 405, error: 'Method not allowed' },
  database_failed: { ...UNAVAILABLE, event: 'database.failed', retryAfter: 5 },
  keys_invalid: { ...UNAVAILABLE, event: 'keys.invalid', retryAfter: 60 },
  settings_invalid: { ...UNAVAILABLE, event: 'settings.invalid', retryAfter: 60 },
  address_unknown: { ...UNAVAILABLE, event: 'address.unknown', retryAfter: 60 },
  not_ready: { status: 503, event: 'not.ready', retryAfter: 5 },
  internal: { status: 500, error: 'Internal server error', event: 'error' },
} as const satisfies Record<string, ErrorSpec>

export type ErrorCode = keyof typeof ERRORS

/** The errors of each field of a body or query: `{ "password": ["Missing data …"] }`. */
export type FieldErrors = Record<string, string[]>

type Details = {
  /** Replaces the row's `event`. */
  event?: string
  /** Why exactly, for the log alone. Never a token, a password, a hash or a secret. */
  reason?: string
  /** Replaces the row's `error`. */
  error?: string | FieldErrors
  allow?: string[]
  /** The `max_age` of the challenge, in seconds (RFC 9470 3). */
  maxAgeSeconds?: number
  /** Replaces the row's `retryAfter`. */
  retryAfter?: number
  username?: string
  sid?: string
}

/** An expected error. `code` is public and stable. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: Details

  constructor(code: ErrorCode, details: Details = {}) {
    super(details.reason ?? code)
    this.name = 'AppError'
    this.code = code
    this.details = details
  }
}
