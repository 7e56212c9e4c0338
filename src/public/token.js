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
const WARNING_SECONDS = 60

/** @type {ReturnType<typeof setInterval> | undefined} */
let timer

/** Returns a token's claims for display only: the signature is not verified. @param {string} token @returns {Claims} */
export const readClaims = (token) => decode(token.split('.')[1] ?? '')

/** @param {Tokens} tokens */
export function showToken({ access_token: token, expires_in: seconds }) {
  const parts = token.split('.')
  const output = find('token', HTMLDivElement)
  output.replaceChildren(find('token-parts', HTMLTemplateElement).content.cloneNode(true))
  for (const [index, span] of output.querySelectorAll('.raw span').entries())
    span.append(parts[index] ?? '')
  for (const [index, list] of output.querySelectorAll('dl').entries())
    list.append(...renderClaims(decode(parts[index] ?? '')))
  startCountdown(seconds)
}

/** Replaces one character in the middle of the claims. @param {string} token */
export function changeToken(token) {
  const [header = '', claims = ''] = token.split('.')
  const index = header.length + 1 + Math.floor(claims.length / 2)
  return token.slice(0, index) + (token[index] === 'A' ? 'B' : 'A') + token.slice(index + 1)
}

/** Says which character was changed first. @param {string} token @param {string} changed */
export function describeChange(token, changed) {
  const index = [...token].findIndex((char, at) => char !== changed[at])
  return index < 0
    ? ''
    : ` Character ${index + 1} was “${token[index]}”, now “${changed[index] ?? ''}”.`
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
  Object.entries(claims).map(([name, value]) =>
    el(
      'div',
      {},
      el('dt', {}, el('code', {}, name), el('span', {}, CLAIM_LABELS[name] ?? '')),
      el('dd', {}, formatClaim(name, value)),
    ),
  )

/** @param {string} name @param {unknown} value */
function formatClaim(name, value) {
  if (['auth_time', 'iat', 'exp'].includes(name)) return formatTime(Number(value), 'second')
  if (Array.isArray(value)) return value.join(', ') || 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
