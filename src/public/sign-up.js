// The form for a new account, where SIGNUP is open.

import { find } from './dom.js'
import { onSubmit } from './forms.js'
import { readResponse } from './responses.js'

/**
 * Asks the API with an empty request, which creates nothing: 404 where nobody can sign up.
 * @param {import('./session.js').ClientSession} session
 * @param {(url: string, init: RequestInit) => Promise<Response>} send
 * @param {() => void} onSignedUp
 */
export async function offerSignUp(session, send, onSignedUp) {
  const { status } = await readResponse(send('/signup', { method: 'POST', priority: 'low' }))
  if (status < 400 || status >= 500 || status === 404) return
  const form = find('sign-up', HTMLFormElement)
  find('show-sign-up', HTMLButtonElement).hidden = false
  onSubmit(
    form,
    ({ username = '', password = '' }) => readResponse(session.signUp({ username, password })),
    () => {
      form.hidePopover()
      onSignedUp()
    },
  )
}
