// Lists the user's sessions, each with a button that ends it.

import { el, find, onClick, replaceEntries } from './dom.js'
import { formatRelative, formatTime, nameCountry, readResponse, showResponse } from './responses.js'

/** @typedef {import('./session.js').ClientSession} ClientSession */
/** @typedef {{ id: string, created_at: number, refreshed_at: number, expires_at: number, user_agent: string, country: string, current: boolean }} SessionEntry */
/** @typedef {{ sessions: SessionEntry[], next: string | null }} SessionPage */

/** The first match wins, since most browsers also claim to be others. */
const BROWSERS = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari']
const SYSTEMS = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'CrOS', 'Linux']
/** @type {Record<string, string>} */
const NAMES = { Edg: 'Edge', OPR: 'Opera', Mac: 'macOS', CrOS: 'ChromeOS' }

/** @param {ClientSession} session @param {() => Promise<void>} endCurrent ends the page's own session */
export function createSessionList(session, endCurrent) {
  const list = find('sessions', HTMLUListElement)
  const output = find('sessions-result', HTMLParagraphElement)
  const more = find('sessions-more', HTMLButtonElement)
  /** @type {string | null} */
  let nextCursor = null

  /** @param {string} [after] @param {RequestPriority} [priority] low: the user has not asked for it */
  const load = async (after, priority = 'auto') => {
    const path = `/sessions${after ? `?after=${after}` : ''}`
    const response = await readResponse(session.fetch(path, { priority }))
    output.replaceChildren()
    if (response.status !== 200) return showResponse(output, response)
    const { sessions, next } = /** @type {SessionPage} */ (/** @type {unknown} */ (response.body))
    nextCursor = next
    more.hidden = next === null
    const sorted = sessions.toSorted((one, other) => Number(other.current) - Number(one.current))
    const entries = sorted.map((entry) => renderEntry(entry, () => end(entry)))
    if (after) list.append(...entries)
    else replaceEntries(list, entries)
  }

  /** @param {SessionEntry} entry */
  const end = async ({ id, current }) => {
    if (current) return endCurrent()
    const response = await readResponse(session.fetch(`/sessions/${id}`, { method: 'DELETE' }))
    await load(undefined, 'low')
    showResponse(output, response)
    find('sessions-title', HTMLHeadingElement).focus() // the button was removed
  }

  onClick(find('sessions-reload', HTMLButtonElement), () => load())
  onClick(more, () => load(nextCursor ?? undefined))
  return { load: () => load(undefined, 'low') }
}

/** @param {SessionEntry} entry @param {() => Promise<void>} end */
function renderEntry(entry, end) {
  const name = nameDevice(entry.user_agent)
  const country = nameCountry(entry.country)
  const device = el('div', { class: 'device' }, el('strong', {}, name), country && `, ${country}`)
  if (entry.current) device.append(' ', el('span', { class: 'status good' }, 'this browser'))
  const used = `Logged in ${formatRelative(entry.created_at)}, last refreshed ${formatRelative(entry.refreshed_at)}.`
  const expiry = `Expires ${formatTime(entry.expires_at)} unless refreshed.`
  for (const times of [used, expiry]) device.append(el('p', { class: 'times' }, times))
  const label = `End the session of ${name} since ${formatTime(entry.created_at)}`
  const button = el('button', { type: 'button', id: `end-${entry.id}`, 'aria-label': label }, 'End')
  onClick(button, end)
  return el('li', {}, device, button)
}

/** Returns `Firefox on Linux`, or the name of another program. @param {string} userAgent */
function nameDevice(userAgent) {
  const [browser, system] = [BROWSERS, SYSTEMS].map((marks) => {
    const mark = marks.find((text) => userAgent.includes(text))
    return mark && (NAMES[mark] ?? mark)
  })
  if (!browser) return userAgent.split(/[ /]/)[0] || 'Unknown program'
  return system ? `${browser} on ${system}` : browser
}
