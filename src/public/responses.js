// Prepares requests, reads the API's responses and describes them in plain English.

import { el } from './dom.js'
import { readErrorCode } from './error-codes.js'

/**
 * A response whose body has been read. Status 0 means there was no response.
 * @typedef {object} ApiResponse
 * @property {number} status
 * @property {string} code The error code; empty if there is none.
 * @property {Record<string, unknown>} body
 * @property {number} retryAfter In seconds.
 * @property {string} requestId
 */

/** HTTP/2 no longer sends reason phrases. @type {Record<number, string>} */
const STATUS_NAMES = {
  0: 'No response',
  200: 'OK',
  201: 'Created',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** By the client's reason for signing out: `logout` or an error code. @type {Map<string, string>} */
const SIGN_OUT_MESSAGES = new Map(
  Object.entries(
    /** @satisfies {Partial<Record<import('../errors.ts').ErrorCode | 'logout', string>>} */ ({
      logout: 'You are logged out.',
      token_expired: 'Your session has expired. Log in again.',
      authorization_missing: 'The browser no longer has the cookie of this session. Log in again.',
    }),
  ),
)
const SESSION_REVOKED =
  'Your session was revoked. Either it was ended on another device, your password was changed, or ' +
  'an old copy of its refresh token was used, which may mean that the token was stolen. ' +
  'Log in again. If you did not do this, change your password.'

/** Never throws, even without a response. @param {Promise<Response>} request @returns {Promise<ApiResponse>} */
export async function readResponse(request) {
  /** @type {Response | undefined} */
  const response = await request.catch((error) => error.cause) // the cause: a failed refresh
  if (!response) return { status: 0, code: '', body: {}, retryAfter: 0, requestId: '' }
  const { status, headers } = response
  return {
    status,
    code: readErrorCode(response),
    body: await response
      .clone()
      .json()
      .catch(() => ({})), // incomplete, or not from the API
    retryAfter: Number(headers.get('Retry-After') ?? 0),
    requestId: headers.get('X-Request-Id') ?? '',
  }
}

/** Returns the options of a request that sends fields as JSON. @param {object} fields */
export const toPost = (fields) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(fields),
})

/** @param {ApiResponse} response */
export function describeResponse({ status, code, body, requestId }) {
  if (status === 0)
    return 'The API does not respond. Check that it is running and that you are online, then try again.'
  if (status === 429) return 'Too many attempts.'
  if (status === 503) return 'The API is temporarily unavailable. Try again in a moment.'
  if (status >= 500)
    return `The API failed.${requestId && ` Its log has the details under ${requestId}.`}`
  if (code === 'token_not_fresh') return 'Log out and in again first: your login is too long ago.'
  if (code === 'factor_required')
    return 'Add an authenticator app under “Second factor” first. If you have one, log out and in again.'
  const { error } = body
  if (code === 'code_invalid' && error && typeof error === 'object' && 'code' in error)
    return 'This link has been used, has expired or was replaced. Ask for a new one.'
  const message = body.message ?? body.msg ?? body.error
  if (message && typeof message === 'object') return 'Correct what is marked.'
  if (typeof message !== 'string') return status < 400 ? 'Done.' : 'The API rejected this.'
  return /[.!?]$/.test(message) ? message : `${message}.`
}

/** Explains why a session ended. @param {string} reason */
export const explainSignOut = (reason) => SIGN_OUT_MESSAGES.get(reason) ?? SESSION_REVOKED

/** Returns a coloured `401 Unauthorized`. @param {number} status */
export function statusBadge(status) {
  const tone = status >= 500 || status === 0 ? 'bad' : status >= 400 ? 'warn' : 'good'
  const name = STATUS_NAMES[status] ?? ''
  return el('span', { class: `status ${tone}` }, status === 0 ? name : `${status} ${name}`.trim())
}

/** @param {HTMLElement} output @param {ApiResponse} response */
export function showResponse(output, response) {
  output.replaceChildren(statusBadge(response.status), ' ', describeResponse(response))
}

const TO_MINUTE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
const TO_SECOND = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** @param {number} seconds Unix time @param {'minute' | 'second'} [precision] */
export const formatTime = (seconds, precision = 'minute') =>
  (precision === 'minute' ? TO_MINUTE : TO_SECOND).format(seconds * 1000)

const AGO = new Intl.RelativeTimeFormat('en-GB', { numeric: 'auto' })
const TIME_OF_DAY = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' })
const DAY_MS = 86_400_000
const WEEK_DAYS = 7

/** Returns `5 minutes ago`, `yesterday at 18:02`, or a date. @param {number} seconds Unix time */
export function formatRelative(seconds) {
  const [then, now] = [new Date(seconds * 1000), new Date()]
  const minutes = Math.round((now.getTime() - then.getTime()) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return AGO.format(-minutes, 'minute')
  // A day with a change of the clock has 23 or 25 hours.
  const days = Math.round((now.setHours(0, 0, 0, 0) - new Date(then).setHours(0, 0, 0, 0)) / DAY_MS)
  if (days >= WEEK_DAYS) return formatTime(seconds)
  return `${AGO.format(-days, 'day')} at ${TIME_OF_DAY.format(then)}`
}

const COUNTRIES = new Intl.DisplayNames('en', { type: 'region' })

/** Returns the name of a country by its ISO 3166 code; other codes as they are. @param {string} code */
export const nameCountry = (code) => (/^[A-Z]{2}$/.test(code) ? (COUNTRIES.of(code) ?? code) : code)

/** Returns `14:05`, or `2:14:05` from one hour. @param {number} seconds */
export function formatDuration(seconds) {
  const pad = (/** @type {number} */ part) => String(part).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const tail = pad(Math.floor(seconds) % 60)
  return hours > 0 ? `${hours}:${pad(minutes)}:${tail}` : `${minutes}:${tail}`
}
