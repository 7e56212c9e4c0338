// Lists the page's requests and responses, newest first.

import { el, find } from './dom.js'
import { statusBadge } from './responses.js'

/** @typedef {import('./recording-fetch.js').Exchange} Exchange */

const MAX_SHOWN = 50
/** Response headers that are shown at once; the others are collapsed. */
const MAIN_HEADERS = new Set([
  'allow',
  'content-type',
  'retry-after',
  'www-authenticate',
  'x-error-code',
  'x-request-id',
])
const HIDDEN_COOKIE = 'Scripts cannot read that cookie, so it is not shown here.'
/** What is sent but hidden from scripts. @type {Record<string, string>} */
const NOTES = {
  '/login': `After a successful login the response sets the refresh token as a cookie. ${HIDDEN_COOKIE}`,
  '/refresh': `The browser sends the refresh token as a cookie, if it has one. That is why a login survives a reload. ${HIDDEN_COOKIE}`,
  '/logout': `The browser sends the refresh token as a cookie, and the response deletes it. ${HIDDEN_COOKIE}`,
}

/** @param {Exchange} exchange */
export function showExchange(exchange) {
  const list = find('exchanges', HTMLOListElement)
  for (const earlier of list.querySelectorAll('details[open]')) earlier.removeAttribute('open')
  list.prepend(el('li', {}, renderExchange(exchange)))
  while (list.children.length > MAX_SHOWN) list.lastElementChild?.remove()
}

/** @param {Exchange} exchange */
function renderExchange({ method, path, headers, body, milliseconds, response }) {
  const requestLine = `${method} ${path}`
  const note = NOTES[path.split('?')[0] ?? '']
  return el(
    'details',
    { open: '' },
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
    ...(note ? [el('p', { class: 'note' }, note)] : []),
  )
}

/** @param {NonNullable<Exchange['response']>} response */
function renderResponse({ status, headers, body }) {
  const badge = statusBadge(status)
  const main = headers.filter(([name]) => MAIN_HEADERS.has(name))
  const others = headers.filter(([name]) => !MAIN_HEADERS.has(name))
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
