// The lesson's steps: which are done, and which one is next.

import { find } from './dom.js'

/** @typedef {'without' | 'login' | 'with' | 'changed' | 'own'} Step */

const findStep = (/** @type {Step} */ step) => find(`step-${step}`, HTMLLIElement)
const isDone = (/** @type {Step} */ step) => findStep(step).classList.contains('done')
/** What is sensible next. @type {Step[]} */
let order = ['without', 'login']

/** Marks a step, and highlights the next sensible one. @param {Step} step @param {boolean} done */
export function markDone(step, done) {
  findStep(step).classList.toggle('done', done)
  if (isDone('without') && isDone('with')) history.replaceState('own', '') // survives a reload
  findStep('own').hidden = history.state !== 'own'
  const next = order.find((other) => !isDone(other))
  document.querySelector('.steps > .next')?.classList.remove('next')
  if (next) findStep(next).classList.add('next')
}

/** Marks the login, enables what needs its token, and asks for a login if it has ended. @param {boolean} loggedIn */
export function markLoggedIn(loggedIn) {
  order = loggedIn ? ['with', 'without', 'changed', 'own'] : ['login']
  for (const control of document.querySelectorAll('.needs-token'))
    control.toggleAttribute('disabled', !loggedIn)
  for (const step of /** @type {const} */ (['with', 'changed', 'own'])) markDone(step, false)
  markDone('login', loggedIn)
}
