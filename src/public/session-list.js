// The user's sessions, each with a button that ends it.

import { formatTime, report, settle } from './answers.js'
import { el, find, onClick } from './dom.js'

/** @typedef {import('./session.js').Session} Session */
/** @typedef {{ id: string, created_at: number, refreshed_at: number, expires_at: number, user_agent: string, country: string, current: boolean }} Entry */

/** The first that fits: most browsers pretend to be others as well. */
const BROWSERS = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari']
const SYSTEMS = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac', 'CrOS', 'Linux']
/** @type {Record<string, string>} */
const NAMES = { Edg: 'Edge', OPR: 'Opera', Mac: 'macOS', CrOS: 'ChromeOS' }
const COUNTRIES = new Intl.DisplayNames('en', { type: 'region' })

/** @param {Session} session @param {() => Promise<void>} endThis what ends the page's own */
export function createSessionList(session, endThis) {
  const list = find('sessions', HTMLUListElement)
  const output = find('sessions-result', HTMLParagraphElement)
  const more = find('sessions-more', HTMLButtonElement)
  /** @type {string | null} */
  let next = null

  /** @param {string} [after] */
  const read = async (after) => {
    const answer = await settle(session.fetch(`/sessions${after ? `?after=${after}` : ''}`))
    output.replaceChildren()
    if (answer.status !== 200) return report(output, answer)
    const { sessions, next: following } =
      /** @type {{ sessions: Entry[], next: string | null }} */ (
        /** @type {unknown} */ (answer.body)
      )
    next = following
    more.hidden = next === null
    if (!after) list.replaceChildren()
    list.append(...sessions.map((entry) => drawEntry(entry, () => end(entry))))
  }

  /** @param {Entry} entry */
  const end = async ({ id, current }) => {
    if (current) return endThis()
    const answer = await settle(session.fetch(`/sessions/${id}`, { method: 'DELETE' }))
    await read()
    report(output, answer)
    find('sessions-title', HTMLHeadingElement).focus() // the button is gone
  }

  onClick(find('sessions-reload', HTMLButtonElement), read)
  onClick(more, () => read(next ?? undefined))
  return { read: () => read(), forget: () => list.replaceChildren() }
}

/** @param {Entry} entry @param {() => Promise<void>} end */
function drawEntry(entry, end) {
  const name = nameDevice(entry.user_agent)
  const country = /^[A-Z]{2}$/.test(entry.country) ? COUNTRIES.of(entry.country) : entry.country
  const button = /** @type {HTMLButtonElement} */ (el('button', { type: 'button' }, 'End'))
  const begun = formatTime(entry.created_at)
  button.setAttribute('aria-label', `End the session of ${name} since ${begun}`)
  onClick(button, end)
  return el(
    'li',
    {},
    el(
      'div',
      { class: 'device' },
      el('strong', {}, name),
      ...(country ? [`, ${country}`] : []),
      ...(entry.current ? [' ', el('span', { class: 'status good' }, 'this browser')] : []),
      el(
        'p',
        { class: 'times' },
        `Since ${begun}, last refreshed ${formatTime(entry.refreshed_at)}.`,
      ),
      el('p', { class: 'times' }, `Ends ${formatTime(entry.expires_at)} unless it is refreshed.`),
    ),
    button,
  )
}

/** `Firefox on Linux`, or a program's own name. @param {string} userAgent */
function nameDevice(userAgent) {
  const [browser, system] = [BROWSERS, SYSTEMS].map((marks) => {
    const mark = marks.find((text) => userAgent.includes(text))
    return mark && (NAMES[mark] ?? mark)
  })
  if (!browser) return userAgent.split(/[ /]/)[0] || 'Unknown program'
  return system ? `${browser} on ${system}` : browser
}
