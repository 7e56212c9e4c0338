// Shows openapi.json in Swagger UI. A login on the page authorises its requests.

import { find, onClick } from './dom.js'
import { onSubmit } from './forms.js'
import { isLocal } from './https.js'
import { readResponse } from './responses.js'
import { ClientSession } from './session.js'
import { readClaims } from './token.js'

/** @typedef {{ preauthorizeApiKey(scheme: string, token: string): void, authActions: { logout(schemes: string[]): void } }} SwaggerUi */
/** @typedef {{ SwaggerUIBundle(options: object): SwaggerUi }} Scripts */

const darkScheme = matchMedia('(prefers-color-scheme: dark)')
const applyScheme = () => document.documentElement.classList.toggle('dark-mode', darkScheme.matches)
darkScheme.addEventListener('change', applyScheme)
applyScheme()

/** Resolves when Swagger UI knows the schemes. @type {Promise<SwaggerUi>} */
const loaded = new Promise((resolve) => {
  const { SwaggerUIBundle } = /** @type {Scripts} */ (/** @type {unknown} */ (globalThis))
  const options = { url: '/openapi.json', dom_id: '#docs', validatorUrl: null }
  const ui = SwaggerUIBundle({ ...options, onComplete: () => resolve(ui) })
})
const session = new ClientSession('/', { onTokens: authorize, onSignedOut: () => authorize() })
const form = find('login', HTMLFormElement)
const loggedIn = find('logged-in', HTMLParagraphElement)
let renewal = 0

/** @param {import('./session.js').Tokens} [tokens] none after a logout */
async function authorize(tokens) {
  form.hidden = tokens !== undefined
  loggedIn.hidden = tokens === undefined
  clearTimeout(renewal)
  const ui = await loaded
  if (!tokens) return ui.authActions.logout(['bearer'])
  const { access_token: token, expires_in: seconds } = tokens
  find('username-shown', HTMLElement).textContent = String(readClaims(token).sub)
  ui.preauthorizeApiKey('bearer', token)
  renewal = window.setTimeout(() => session.refresh().catch(() => {}), seconds * 900) // at nine tenths of its life
}

find('hint', HTMLParagraphElement).hidden = !isLocal
onSubmit(
  form,
  ({ username = '', password = '' }) => readResponse(session.login({ username, password })),
  () => find('log-out', HTMLButtonElement).focus(),
)
onClick(find('log-out', HTMLButtonElement), async () => void (await session.logout()))
await session.refresh().catch(() => {})
find('fields', HTMLFieldSetElement).disabled = false
