// Choosing a password with a one-time code, which comes in the fragment of the link: `/#code=…`.

import { find } from './dom.js'
import { onSubmit } from './forms.js'
import { readResponse, toPost } from './responses.js'

/**
 * Shows the form if the page was opened with a code. The fragment is in no request, log or referrer; it leaves
 * the address bar and the history at once.
 * @param {(url: string, init?: RequestInit) => Promise<Response>} send
 * @param {(username: string) => void} onChosen
 */
export function offerPasswordChoice(send, onChosen) {
  const code = new URLSearchParams(location.hash.slice(1)).get('code')
  if (!code) return
  history.replaceState(null, '', location.pathname)
  const section = find('choose', HTMLElement)
  section.hidden = false
  find('chosen_password', HTMLInputElement).focus()
  onSubmit(
    find('choose-form', HTMLFormElement),
    ({ new_password = '' }) =>
      readResponse(send('/reset-password', toPost({ code, new_password }))),
    ({ body }) => {
      section.hidden = true
      onChosen(String(body.username))
    },
  )
}
