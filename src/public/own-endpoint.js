// The last step: calls an endpoint of the reader, without and with the token.

import { createCopyButton } from './copy.js'
import { find, runWhileBusy } from './dom.js'
import { readResponse, statusBadge } from './responses.js'
import { markDone } from './steps.js'

/** @param {(path: string) => Promise<Response>} send @param {import('./session.js').ClientSession} session */
export function offerOwnEndpoint(send, session) {
  const output = find('own-result', HTMLParagraphElement)
  const button = find('own-send', HTMLButtonElement)
  const readLine = () => `  ${find('own-line', HTMLElement).textContent}`
  button.after(createCopyButton('Copy the line', readLine))
  find('own', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    void runWhileBusy(button, async () => {
      const path = `/${find('own-path', HTMLInputElement).value.replace(/^\/+/, '')}`
      const { status: before } = await readResponse(send(path))
      const { status: after } = await readResponse(session.fetch(path))
      output.replaceChildren(
        statusBadge(before),
        ' without, ',
        statusBadge(after),
        ' with the token.',
      )
      if (before === 404) output.append(' Save the file first: npm run dev reloads it.')
      if (before === 200) output.append(' It is not guarded: register it after the guard.')
      markDone('own', before === 401 && after === 200)
    })
  })
}
