// The list of what has gone over the wire, newest first.

import { statusBadge } from './answers.js'
import { el, find } from './dom.js'

/** @typedef {import('./wire.js').Exchange} Exchange */

const MAX_SHOWN = 50
/** The rest of an answer's headers is folded away. */
const TELLING = new Set([
  'allow',
  'content-type',
  'retry-after',
  'www-authenticate',
  'x-request-id',
])
const UNSEEN = 'No script can read that cookie, so it is not shown.'
/** What goes over the wire and no page can see. @type {Record<string, string>} */
const REMARKS = {
  '/login': `With a good password the refresh token comes back as a cookie. ${UNSEEN}`,
  '/refresh': `The browser sends the refresh token as a cookie, if it has one: so a login outlives a reload. ${UNSEEN}`,
  '/logout': `The browser sends the refresh token as a cookie, and the answer removes it. ${UNSEEN}`,
}

/** @param {Exchange} exchange */
export function showExchange(exchange) {
  const wire = find('wire', HTMLOListElement)
  for (const earlier of wire.querySelectorAll('details[open]')) earlier.removeAttribute('open')
  wire.prepend(el('li', {}, draw(exchange)))
  while (wire.children.length > MAX_SHOWN) wire.lastElementChild?.remove()
}

/** @param {Exchange} exchange */
function draw({ method, path, headers, body, milliseconds, answer }) {
  const first = `${method} ${path}`
  const remark = REMARKS[path.split('?')[0] ?? '']
  return el(
    'details',
    { open: '' },
    el(
      'summary',
      {},
      el('code', {}, first),
      statusBadge(answer?.status ?? 0),
      el('span', { class: 'took' }, `${milliseconds} ms`),
    ),
    el('p', { class: 'label' }, 'Request'),
    el('pre', { class: 'sent' }, ...drawMessage(el('b', {}, first), headers, body)),
    ...(answer ? drawAnswer(answer) : [el('p', { class: 'remark' }, 'Nothing came back.')]),
    ...(remark ? [el('p', { class: 'remark' }, remark)] : []),
  )
}

/** @param {NonNullable<Exchange['answer']>} answer */
function drawAnswer({ status, headers, body }) {
  const badge = statusBadge(status)
  const telling = headers.filter(([name]) => TELLING.has(name))
  const others = headers.filter(([name]) => !TELLING.has(name))
  const message = drawMessage(el('b', {}, badge.textContent ?? ''), telling, body)
  return [
    el('p', { class: 'label' }, 'Answer'),
    el('pre', { class: `received ${badge.classList[1]}` }, ...message),
    el(
      'details',
      { class: 'others' },
      el('summary', {}, `${others.length} more headers`),
      el('pre', {}, ...drawHeaders(others)),
    ),
  ]
}

/** @param {HTMLElement} first @param {Exchange['headers']} headers @param {string} body */
const drawMessage = (first, headers, body) => [
  first,
  ...(headers.length > 0 ? ['\n', ...drawHeaders(headers)] : []),
  ...(body ? [`\n\n`, el('span', {}, body)] : []),
]

/** @param {Exchange['headers']} headers */
const drawHeaders = (headers) =>
  headers.flatMap(([name, value], index) => [
    index === 0 ? '' : '\n',
    el('span', { class: 'name' }, `${name}: `),
    el('span', {}, value),
  ])
