// Lists what has happened to the user's account, in words, newest first.

import { el, find, onClick } from './dom.js'
import { formatRelative, formatTime, nameCountry, readResponse, showResponse } from './responses.js'

/** @typedef {{ time: number, event: string, username: string, by: string | null, country: string | null }} AccountEvent */
/** @typedef {{ events: AccountEvent[], next: string | null }} EventPage */

/** What `by` did, and whether it concerns security even if the user did it. @type {Record<string, [words: string, isAlert: boolean]>} */
const WORDS = {
  'code.created': ['Code to choose a password created', true],
  'factor.added': ['Second factor added', true],
  'factor.disabled': ['Second factor disabled after too many wrong codes', true],
  'factor.removed': ['Second factor removed', true],
  'login.limited': ['Logins locked after too many failures', true],
  'login.succeeded': ['Logged in', false],
  'password.changed': ['Password changed', true],
  'password.reset': ['Password reset with a code', true],
  'password.set': ['Password set', true],
  'recovery_code.used': ['Logged in with a recovery code', true],
  'recovery_codes.created': ['New recovery codes created', true],
  'roles.changed': ['Roles changed', true],
  'session.reuse_detected': ['Old copy of a refresh token used, its session revoked', true],
  'session.revoked': ['Session ended', false],
  'user.added': ['Account created', false],
  'user.disabled': ['Account disabled', true],
  'user.enabled': ['Account enabled', true],
  'user.invited': ['Account created with an invitation', false],
  'user.signed_up': ['Signed up', false],
}

/** @param {import('./session.js').ClientSession} session */
export function createActivity(session) {
  const section = find('activity', HTMLElement)
  const list = find('activity-list', HTMLOListElement)
  const more = find('activity-more', HTMLButtonElement)
  const output = find('activity-result', HTMLParagraphElement)
  let nextCursor = ''

  /** @param {{ after?: string, priority?: RequestPriority }} [page] @returns {Promise<AccountEvent[]>} */
  const load = async ({ after = '', priority = 'auto' } = {}) => {
    const path = `/me/events?limit=10${after && `&after=${after}`}`
    const response = await readResponse(session.fetch(path, { priority }))
    section.hidden = response.status === 404 // this API records no events
    output.replaceChildren()
    if (response.status !== 200) {
      showResponse(output, response)
      return []
    }
    const { events, next } = /** @type {EventPage} */ (/** @type {unknown} */ (response.body))
    nextCursor = next ?? ''
    more.hidden = next === null
    if (!after) list.replaceChildren()
    list.append(...events.map(renderEvent))
    return events
  }

  onClick(more, async () => void (await load({ after: nextCursor })))
  onClick(find('activity-reload', HTMLButtonElement), async () => void (await load()))
  return { load: () => load({ priority: 'low' }) }
}

/** Whether an event concerns security: by its type, or because somebody else caused it. @param {AccountEvent} event */
const isAlert = ({ event, by, username }) => WORDS[event]?.[1] ?? by !== username

/** @param {AccountEvent} event */
function describeEvent({ event, username, by, country, time }) {
  const words = WORDS[event]?.[0] ?? event
  const actor = by && by !== username ? ` by ${by}` : ''
  return `${words}${actor}, ${formatRelative(time)}${country ? `, from ${nameCountry(country)}` : ''}`
}

/** @param {AccountEvent} event */
const renderEvent = (event) =>
  el(
    'li',
    { title: formatTime(event.time, 'second'), class: isAlert(event) ? 'alert' : '' },
    describeEvent(event),
  )

/** Describes what concerns security since the login before this one; empty if nothing does. @param {AccountEvent[]} events */
export function describeNews(events) {
  const [last, previous] = events.flatMap(({ event }, at) =>
    event === 'login.succeeded' ? at : [],
  )
  if (last === undefined || previous === undefined) return ''
  const news = events.slice(last + 1, previous).filter(isAlert)
  return news.length > 0 ? `Since your last login: ${news.map(describeEvent).join('; ')}.` : ''
}
