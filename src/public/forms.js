// Forms: what is wrong stands at its field, a pause counts down, passwords can be shown.

import { formatDuration, report } from './answers.js'
import { whileBusy } from './dom.js'

/** @typedef {import('./answers.js').Answer} Answer */
/** @type {Record<string, string>} */
const PLAINER = { 'Shorter than minimum length 1.': 'Fill this in.' }

/**
 * Sends a form's fields at submit; resolves at a success with what `send` has answered.
 * @param {HTMLFormElement} form
 * @param {(fields: Record<string, string>) => Promise<Answer>} send
 * @param {(answer: Answer) => void} onSuccess
 */
export function onSubmit(form, send, onSuccess) {
  const [button, output] = [
    form.querySelector('button:not([type])'),
    form.querySelector('[role=status]'),
  ]
  if (!(button instanceof HTMLButtonElement) || !(output instanceof HTMLElement)) return
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void whileBusy(button, async () => {
      const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)])
      const answer = await send(Object.fromEntries(fields))
      showFieldErrors(form, answer)
      if (answer.status === 429) return pause(output, answer)
      report(output, answer)
      if (answer.status !== 200) return
      form.reset()
      onSuccess(answer)
    })
  })
  for (const toggle of form.querySelectorAll('.secret button')) addToggle(toggle)
}

/** @param {HTMLFormElement} form @param {Answer} answer */
function showFieldErrors(form, { body: { error } }) {
  const errors = Object.entries(error && typeof error === 'object' ? error : {})
  for (const input of form.querySelectorAll('input[name]')) {
    const texts = errors.find(([name]) => name === input.getAttribute('name'))?.[1] ?? []
    const place = document.getElementById(`${input.id}-error`)
    place?.replaceChildren(
      texts.map((/** @type {string} */ text) => PLAINER[text] ?? text).join(' '),
    )
    input.setAttribute('aria-invalid', String(texts.length > 0))
  }
  const first = form.querySelector('[aria-invalid=true]')
  if (first instanceof HTMLElement) first.focus()
}

/** Counts down what Retry-After says. A screen reader hears the beginning and the end. @param {HTMLElement} output @param {Answer} answer @returns {Promise<void>} */
function pause(output, answer) {
  const endsAt = Date.now() + answer.retryAfter * 1000
  const left = Object.assign(document.createElement('span'), { ariaLive: 'off' })
  left.setAttribute('role', 'timer')
  report(output, answer)
  output.append(' Try again in ', left)
  return new Promise((resolve) => {
    const show = () => {
      const seconds = Math.ceil((endsAt - Date.now()) / 1000)
      left.textContent = `${formatDuration(Math.max(0, seconds))}.`
      if (seconds > 0) return
      clearInterval(timer)
      output.textContent = 'The pause is over: try again.'
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
