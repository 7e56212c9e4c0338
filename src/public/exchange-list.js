// Lists the page's requests and responses, newest first.

import { createCopyButton } from './copy.js'
import { el, find } from './dom.js'
import { statusBadge } from './responses.js'

/** @typedef {import('./recording-fetch.js').Exchange} Exchange */

const MAX_SHOWN = 50
/** Response headers that are shown at once; the others are collapsed. */
const MAIN_HEADERS = /^(allow|content-type|retry-after|www-authenticate|x-error-code|x-request-id)$/
/** What a successful exchange contains that scripts cannot see. @type {[RegExp, string][]} */
const NOTES = [
  [
    /^\/(login|signup|me\/password)$/,
    'It also set the refresh token, as a cookie hidden from scripts.',
  ],
  [/^\/refresh$/, 'The refresh token came as a cookie hidden from scripts, and was replaced.'],
  [/^\/logout\?scope=(session|all)$/, 'It also deleted the cookie with the refresh token.'],
]
/** What a background request is for. @type {Record<string, string>} */
const PURPOSES = {
  '/refresh': 'new token',
  '/sessions': 'sessions',
  '/signup': 'sign-up',
  '/me/events': 'recent activity',
  '/me/factors': 'second factors',
  '/me/recovery-codes': 'recovery codes',
}

/** @param {Exchange} exchange */
export function showExchange(exchange) {
  const list = find('exchanges', HTMLOListElement)
  if (exchange.isBackground) return addToGroup(list, exchange)
  for (const earlier of list.querySelectorAll('details[open]')) earlier.removeAttribute('open')
  const details = renderExchange(exchange)
  details.setAttribute('open', '')
  list.prepend(el('li', {}, details))
  while (list.children.length > MAX_SHOWN) list.lastElementChild?.remove()
}

/** Adds what the page sends by itself to a folded group. @param {HTMLElement} list @param {Exchange} exchange */
function addToGroup(list, exchange) {
  if (!list.firstElementChild?.matches('.background'))
    list.prepend(find('background', HTMLTemplateElement).content.cloneNode(true))
  const [purposes, group] = list.querySelectorAll('.background:first-child :is(.purposes, ol)')
  purposes?.append(purposes.textContent && ', ', describePurpose(exchange))
  group?.prepend(el('li', {}, renderExchange(exchange)))
}

/** @param {Exchange} exchange */
function describePurpose({ path, response }) {
  const hadNoCookie = response?.headers.some(([, value]) => value === 'authorization_missing')
  return hadNoCookie ? 'no earlier login' : (PURPOSES[path.split('?')[0] ?? ''] ?? path)
}

/** @param {Exchange} exchange */
function renderExchange({ method, path, headers, body, milliseconds, curl, response }) {
  const requestLine = `${method} ${path}`
  const succeeded = response && response.status < 300
  const notes = NOTES.filter(([paths]) => succeeded && paths.test(path))
  return el(
    'details',
    {},
    el(
      'summary',
      {},
      el('code', {}, requestLine),
      statusBadge(response?.status ?? 0),
      el('span', { class: 'duration' }, `${milliseconds} ms`),
    ),
    el('p', { class: 'label' }, 'Request'),
    el('pre', { class: 'sent' }, ...renderMessage(el('b', {}, requestLine), headers, body)),
    ...(response ? renderResponse(response) : [el('p', { class: 'note' }, 'No response.')]),
    ...notes.map(([, note]) => el('p', { class: 'note' }, note)),
    createCopyButton('Copy as curl', () => curl),
  )
}

/** @param {NonNullable<Exchange['response']>} response */
function renderResponse({ status, headers, body }) {
  const badge = statusBadge(status)
  const main = headers.filter(([name]) => MAIN_HEADERS.test(name))
  const others = headers.filter(([name]) => !MAIN_HEADERS.test(name))
  const message = renderMessage(el('b', {}, badge.textContent ?? ''), main, body)
  return [
    el('p', { class: 'label' }, 'Response'),
    el('pre', { class: `received ${badge.classList[1]}` }, ...message),
    el(
      'details',
      { class: 'others' },
      el('summary', {}, `${others.length} more headers`),
      el('pre', {}, ...renderHeaders(others)),
    ),
  ]
}

/** @param {HTMLElement} firstLine @param {Exchange['headers']} headers @param {string} body */
const renderMessage = (firstLine, headers, body) => [
  firstLine,
  ...(headers.length > 0 ? ['\n', ...renderHeaders(headers)] : []),
  ...(body ? [`\n\n`, el('span', {}, body)] : []),
]

/** @param {Exchange['headers']} headers */
const renderHeaders = (headers) =>
  headers.flatMap(([name, value], index) => [
    index === 0 ? '' : '\n',
    el('span', { class: 'name' }, `${name}: `),
    el('span', {}, value),
  ])
