// What the API has answered, in plain words.

import { el } from './dom.js'

/**
 * An answer whose body has been read. Status 0: none came.
 * @typedef {object} Answer
 * @property {number} status
 * @property {Record<string, unknown>} body
 * @property {number} retryAfter In seconds.
 * @property {string} requestId
 */

/** HTTP/2 has no such texts any more. @type {Record<number, string>} */
const NAMES = {
  0: 'No answer',
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** Waits for an answer, whatever becomes of it. @param {Promise<Response>} request @returns {Promise<Answer>} */
export async function settle(request) {
  /** @type {Response | undefined} */
  const response = await request.catch((error) => error.cause) // where a refresh was refused
  if (!response) return { status: 0, body: {}, retryAfter: 0, requestId: '' }
  const { status, headers } = response
  return {
    status,
    body: await response
      .clone()
      .json()
      .catch(() => ({})), // cut off, or from something before the API
    retryAfter: Number(headers.get('Retry-After') ?? 0),
    requestId: headers.get('X-Request-Id') ?? '',
  }
}

/** @param {Answer} answer */
export function inWords({ status, body, requestId }) {
  if (status === 0)
    return 'The API does not answer. See whether it runs and whether you are online, then try again.'
  if (status === 429) return 'Too many tries, so the API makes everybody wait.'
  if (status === 503) return 'The API cannot serve this now. Try again in a moment.'
  if (status >= 500)
    return `Something in the API is broken. Its log tells more, under ${requestId}.`
  const said = body.message ?? body.msg ?? body.error
  if (typeof said !== 'string') return status < 400 ? 'Done.' : 'The API has refused this.'
  return /[.!?]$/.test(said) ? said : `${said}.`
}

/** Why a login is over. @param {string} reason of the session: `logout`, or what the API has said */
export function whySignedOut(reason) {
  if (reason === 'logout') return 'You are logged out.'
  if (reason === 'Token has expired') return 'Your login has run out. Log in again.'
  if (reason === 'Missing Authorization Header')
    return 'The browser no longer has the cookie of this login. Log in again.'
  return (
    'This session has ended. It was ended from elsewhere, the password was changed, or an old copy of its ' +
    'refresh token was used, which is how a theft shows. Log in again; if none of that was you, change your password.'
  )
}

/** `401 Unauthorized`, coloured. @param {number} status */
export function statusBadge(status) {
  const tone = status >= 500 || status === 0 ? 'bad' : status >= 400 ? 'warn' : 'good'
  const name = NAMES[status] ?? ''
  return el('span', { class: `status ${tone}` }, status === 0 ? name : `${status} ${name}`.trim())
}

/** @param {HTMLElement} output @param {Answer} answer @param {string} [words] */
export function report(output, answer, words = inWords(answer)) {
  output.replaceChildren(statusBadge(answer.status), ' ', words)
}

const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
const SECOND = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/** @param {number} seconds Unix time @param {'minute' | 'second'} [precision] */
export const formatTime = (seconds, precision = 'minute') =>
  (precision === 'minute' ? DAY : SECOND).format(seconds * 1000)

/** `14:05`, or `2:14:05`. @param {number} seconds */
export function formatDuration(seconds) {
  const pad = (/** @type {number} */ part) => String(part).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  const tail = pad(Math.floor(seconds) % 60)
  return hours > 0 ? `${hours}:${pad(minutes)}:${tail}` : `${minutes}:${tail}`
}
