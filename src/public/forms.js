// Forms: hints and errors at their fields, a countdown while locked out, a button that shows the password.

import { runWhileBusy } from './dom.js'
import { formatDuration, showResponse, statusBadge } from './responses.js'

/** @typedef {import('./responses.js').ApiResponse} ApiResponse */

/**
 * Sends a form's fields on submit, and calls `onSuccess` after a 200 or 201.
 * @param {HTMLFormElement} form
 * @param {(fields: Record<string, string>) => Promise<ApiResponse>} send
 * @param {(response: ApiResponse) => void} onSuccess
 */
export function onSubmit(form, send, onSuccess) {
  const [button, output] = form.querySelectorAll('button:not([type]), [role=status]')
  if (!(button instanceof HTMLButtonElement) || !(output instanceof HTMLElement)) return
  const lockOut = createLockout(form, button, output)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void runWhileBusy(button, async () => {
      const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)])
      const response = await send(Object.fromEntries(fields))
      const succeeded = response.status >= 200 && response.status < 300
      if (succeeded) form.reset()
      showFieldErrors(form, response)
      if (response.status === 429) return lockOut(response.retryAfter)
      showResponse(output, response)
      if (succeeded) onSuccess(response)
    })
  })
  form.addEventListener('reset', () => {
    showFieldErrors(form, { code: '', body: {} })
    output.replaceChildren()
  })
  for (const toggle of form.querySelectorAll('.secret button')) addToggle(toggle)
}

/** @param {HTMLFormElement} form @param {Pick<ApiResponse, 'code' | 'body'>} response */
function showFieldErrors(form, { code, body: { error } }) {
  const errors = new Map(Object.entries(error && typeof error === 'object' ? error : {}))
  for (const input of form.querySelectorAll('input')) {
    const messages = [errors.get(input.name) ?? []].flat()
    const shown = input.value === '' ? 'Fill this in.' : messages.map(rephrase).join(' ')
    const output = document.getElementById(`${input.id}-error`)
    output?.replaceChildren(messages.length > 0 ? shown : (output.dataset.hint ?? ''))
    const isInvalid = messages.length > 0 || code === `${input.name}_wrong` // as otp_wrong
    if (input.name) input.setAttribute('aria-invalid', String(isInvalid))
  }
  const first = form.querySelector('[aria-invalid=true]')
  if (first instanceof HTMLElement) first.focus()
}

/** Says what the field's hint says. @param {string} message */
const rephrase = (message) =>
  message.replace(/^Shorter than minimum length (\d+)\.$/, 'At least $1 characters.')

/**
 * Counts down while the name in the form is locked out; the form stays usable for others. Screen
 * readers announce only the start and the end.
 * @param {HTMLFormElement} form @param {HTMLButtonElement} button @param {HTMLElement} output
 */
function createLockout(form, button, output) {
  /** In milliseconds, by name. @type {Map<string, number>} */
  const endsAt = new Map()
  const left = Object.assign(document.createElement('span'), { ariaLive: 'off', role: 'timer' })
  const readName = () => String(new FormData(form).get('username') ?? '').trim()
  /** @type {string | undefined} */
  let shown
  const show = () => {
    const name = readName()
    const key = name.toLowerCase() // names are unique regardless of case
    const seconds = Math.ceil(((endsAt.get(key) ?? 0) - Date.now()) / 1000)
    if (seconds > 0) {
      const [whose, others] = name ? [` for ${name}`, ', or use another name.'] : ['', '.']
      const text = ` Too many attempts${whose} from here. Try again in `
      if (shown !== key || !output.hasChildNodes())
        output.replaceChildren(statusBadge(429), text, left, others)
      left.textContent = formatDuration(seconds)
      button.setAttribute('aria-disabled', 'true')
      shown = key
    } else if (shown !== undefined) {
      button.removeAttribute('aria-disabled')
      output.textContent = shown === key ? 'You can try again now.' : ''
      shown = undefined
    }
  }
  form.addEventListener('input', show)
  setInterval(show, 1000)
  return (/** @type {number} */ seconds) => {
    endsAt.set(readName().toLowerCase(), Date.now() + seconds * 1000)
    setTimeout(show) // after the button's request has ended
  }
}

/** @param {Element} toggle */
function addToggle(toggle) {
  const input = toggle.previousElementSibling
  if (!(input instanceof HTMLInputElement)) return
  /** @param {boolean} shown */
  const show = (shown) => {
    input.type = shown ? 'text' : 'password'
    toggle.textContent = shown ? 'Hide' : 'Show'
    toggle.setAttribute('aria-label', `${toggle.textContent} password`)
  }
  toggle.addEventListener('click', () => show(input.type === 'password'))
  input.form?.addEventListener('reset', () => show(false))
}
