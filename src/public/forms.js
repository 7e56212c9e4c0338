// Forms: errors at their fields, a countdown while locked out, a button that shows the password.

import { runWhileBusy } from './dom.js'
import { formatDuration, showResponse } from './responses.js'

/** @typedef {import('./responses.js').ApiResponse} ApiResponse */

/**
 * Sends a form's fields on submit, and calls `onSuccess` after a 200.
 * @param {HTMLFormElement} form
 * @param {(fields: Record<string, string>) => Promise<ApiResponse>} send
 * @param {(response: ApiResponse) => void} onSuccess
 */
export function onSubmit(form, send, onSuccess) {
  const [button, output] = [
    form.querySelector('button:not([type])'),
    form.querySelector('[role=status]'),
  ]
  if (!(button instanceof HTMLButtonElement) || !(output instanceof HTMLElement)) return
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void runWhileBusy(button, async () => {
      const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)])
      const response = await send(Object.fromEntries(fields))
      showFieldErrors(form, response)
      if (response.status === 429) return showLockout(output, response)
      showResponse(output, response)
      if (response.status !== 200) return
      form.reset()
      onSuccess(response)
    })
  })
  for (const toggle of form.querySelectorAll('.secret button')) addToggle(toggle)
}

/** @param {HTMLFormElement} form @param {ApiResponse} response */
function showFieldErrors(form, { body: { error } }) {
  const errors = new Map(Object.entries(error && typeof error === 'object' ? error : {}))
  for (const input of form.querySelectorAll('input')) {
    const messages = errors.get(input.name) ?? []
    const shown = input.value === '' ? 'Fill this in.' : messages.join(' ')
    document.getElementById(`${input.id}-error`)?.replaceChildren(messages.length > 0 ? shown : '')
    if (input.name) input.setAttribute('aria-invalid', String(messages.length > 0))
  }
  const first = form.querySelector('[aria-invalid=true]')
  if (first instanceof HTMLElement) first.focus()
}

/**
 * Counts down the seconds of Retry-After. Screen readers announce only its start and its end.
 * @param {HTMLElement} output @param {ApiResponse} response @returns {Promise<void>}
 */
function showLockout(output, response) {
  const endsAt = Date.now() + response.retryAfter * 1000
  const left = Object.assign(document.createElement('span'), { ariaLive: 'off' })
  left.setAttribute('role', 'timer')
  showResponse(output, response)
  output.append(' Try again in ', left)
  return new Promise((resolve) => {
    const show = () => {
      const seconds = Math.ceil((endsAt - Date.now()) / 1000)
      left.textContent = `${formatDuration(Math.max(0, seconds))}.`
      if (seconds > 0) return
      clearInterval(timer)
      output.textContent = 'You can try again now.'
      resolve()
    }
    const timer = setInterval(show, 1000)
    show()
  })
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
