// The access token taken apart, and the bar that runs down to its expiry.

import { formatDuration, formatTime } from './answers.js'
import { el, find } from './dom.js'

/** @typedef {import('./session.js').Tokens} Tokens */
/** @typedef {Record<string, unknown>} Claims */

/** @type {Record<string, string>} */
const WORDS = {
  alg: 'Signed with',
  kid: 'Key',
  typ: 'Form',
  iss: 'Issued by',
  aud: 'Meant for',
  sub: 'User',
  type: 'Kind',
  sid: 'Session',
  jti: 'This token',
  auth_time: 'Password checked',
  roles: 'Roles',
  iat: 'Issued',
  exp: 'Expires',
}
const TIMES = new Set(['auth_time', 'iat', 'exp'])
const SOON_SECONDS = 60

/** @type {ReturnType<typeof setInterval> | undefined} */
let timer

/** The claims of a token, for showing alone: nobody has checked its signature here. @param {string} token @returns {Claims} */
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
    drawList(decode(header)),
    el('h3', { class: 'part-claims' }, 'Claims'),
    drawList(decode(claims)),
    el('h3', { class: 'part-signature' }, 'Signature'),
    el(
      'p',
      {},
      'Made with a key that only the API has. Change one character above, and it no longer fits.',
    ),
  )
  runDown(seconds)
}

export function forgetToken() {
  clearInterval(timer)
  find('token', HTMLDivElement).replaceChildren()
}

/** By this machine's own clock from now on: the API's may tell another time. @param {number} seconds */
function runDown(seconds) {
  const endsAt = Date.now() + seconds * 1000
  const bar = find('life', HTMLProgressElement)
  const show = () => {
    const left = Math.max(0, Math.round((endsAt - Date.now()) / 1000))
    bar.max = seconds
    bar.value = left
    bar.classList.toggle('warn', left <= SOON_SECONDS)
    find('life-label', HTMLParagraphElement).firstChild?.replaceWith(left > 0 ? 'Expires in ' : '')
    find('life-left', HTMLSpanElement).textContent =
      left > 0 ? formatDuration(left) : 'Expired: the next request renews it by itself'
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
const drawList = (claims) =>
  el(
    'dl',
    {},
    ...Object.entries(claims).map(([name, value]) =>
      el(
        'div',
        {},
        el('dt', {}, el('code', {}, name), el('span', {}, WORDS[name] ?? '')),
        el('dd', {}, describe(name, value)),
      ),
    ),
  )

/** @param {string} name @param {unknown} value */
function describe(name, value) {
  if (TIMES.has(name)) return formatTime(Number(value), 'second')
  if (Array.isArray(value)) return value.join(', ') || 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
