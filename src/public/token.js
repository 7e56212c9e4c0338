// Shows the parts of the access token, and a bar with the time until it expires.

import { el, find } from './dom.js'
import { formatDuration, formatTime } from './responses.js'

/** @typedef {import('./session.js').Tokens} Tokens */
/** @typedef {Record<string, unknown>} Claims */

/** @type {Record<string, string>} */
const CLAIM_LABELS = {
  alg: 'Algorithm',
  kid: 'Key ID',
  typ: 'Media type',
  iss: 'Issued by',
  aud: 'Intended for',
  sub: 'User',
  type: 'Type',
  sid: 'Session ID',
  jti: 'Token ID',
  auth_time: 'Password checked',
  amr: 'Logged in with',
  acr: 'Assurance level',
  roles: 'Roles',
  iat: 'Issued',
  exp: 'Expires',
}
const TIME_CLAIMS = new Set(['auth_time', 'iat', 'exp'])
const WARNING_SECONDS = 60

/** @type {ReturnType<typeof setInterval> | undefined} */
let timer

/** Returns a token's claims for display only: the signature is not verified. @param {string} token @returns {Claims} */
export const readClaims = (token) => decode(token.split('.')[1] ?? '')

/** @param {Tokens} tokens */
export function showToken({ access_token: token, expires_in: seconds }) {
  const [header = '', claims = '', signature = ''] = token.split('.')
  find('token', HTMLDivElement).replaceChildren(
    el(
      'pre',
      { class: 'raw' },
      el('span', { class: 'part-header' }, header),
      '.',
      el('span', { class: 'part-claims' }, claims),
      '.',
      el('span', { class: 'part-signature' }, signature),
    ),
    el('h3', { class: 'part-header' }, 'Header'),
    renderClaims(decode(header)),
    el('h3', { class: 'part-claims' }, 'Claims'),
    renderClaims(decode(claims)),
    el('h3', { class: 'part-signature' }, 'Signature'),
    el(
      'p',
      {},
      'Created with a key that only the API has. If you change one character above, it no longer matches.',
    ),
  )
  startCountdown(seconds)
}

export function clearToken() {
  clearInterval(timer)
  find('token', HTMLDivElement).replaceChildren()
}

/** Counts from now on the local clock, which may differ from the API's. @param {number} seconds */
function startCountdown(seconds) {
  const endsAt = Date.now() + seconds * 1000
  const bar = find('lifetime', HTMLProgressElement)
  const show = () => {
    const left = Math.max(0, Math.round((endsAt - Date.now()) / 1000))
    bar.max = seconds
    bar.value = left
    bar.classList.toggle('warn', left <= WARNING_SECONDS)
    find('lifetime-label', HTMLParagraphElement).firstChild?.replaceWith(
      left > 0 ? 'Expires in ' : '',
    )
    find('lifetime-left', HTMLSpanElement).textContent =
      left > 0 ? formatDuration(left) : 'Expired. The next request refreshes it automatically.'
  }
  clearInterval(timer)
  timer = setInterval(show, 1000)
  show()
}

/** @param {string} part base64url of JSON @returns {Claims} */
function decode(part) {
  const bytes = atob(part.replaceAll('-', '+').replaceAll('_', '/'))
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0))))
}

/** @param {Claims} claims */
const renderClaims = (claims) =>
  el(
    'dl',
    {},
    ...Object.entries(claims).map(([name, value]) =>
      el(
        'div',
        {},
        el('dt', {}, el('code', {}, name), el('span', {}, CLAIM_LABELS[name] ?? '')),
        el('dd', {}, formatClaim(name, value)),
      ),
    ),
  )

/** @param {string} name @param {unknown} value */
function formatClaim(name, value) {
  if (TIME_CLAIMS.has(name)) return formatTime(Number(value), 'second')
  if (Array.isArray(value)) return value.join(', ') || 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
