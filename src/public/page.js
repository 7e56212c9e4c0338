// The page: the lesson's three steps as buttons, and the account of the logged-in user.

import { offerPasswordChoice } from './choose-password.js'
import { find, onClick } from './dom.js'
import { showExchange } from './exchange-list.js'
import { onSubmit } from './forms.js'
import { createRecordingFetch } from './recording-fetch.js'
import { describeResponse, explainSignOut, readResponse, showResponse } from './responses.js'
import { createSessionList } from './session-list.js'
import { ClientSession } from './session.js'
import { clearToken, readClaims, showToken } from './token.js'

/** How long the page waits for its first requests before it enables its buttons. */
const START_TIMEOUT_MS = 2000
/** The first exchanges are shown together: one pushing the other down would shift the layout. */
const { promise: started, resolve: start } = Promise.withResolvers()
const send = createRecordingFetch((exchange) => void started.then(() => showExchange(exchange)))
const session = new ClientSession('/', {
  fetch: send,
  onTokens: showLogin,
  onSignedOut: showSignedOut,
})
const sessionList = createSessionList(session, () => endSessions('session'))

const button = (/** @type {string} */ id) => find(id, HTMLButtonElement)
const output = (/** @type {string} */ id) => find(id, HTMLParagraphElement)
const notice = output('notice')
const account = find('account', HTMLDivElement)
const loggedInPanel = find('logged-in', HTMLDivElement)
const loginForm = find('login', HTMLFormElement)

/** The session that is shown. @type {unknown} */
let shownSid
let listLoaded = Promise.resolve()

/** @param {import('./session.js').Tokens} tokens */
function showLogin(tokens) {
  const { sid, sub } = readClaims(tokens.access_token)
  showToken(tokens)
  if (sid === shownSid) return
  shownSid = sid
  find('username-shown', HTMLElement).textContent = String(sub)
  find('change-username', HTMLInputElement).value = String(sub)
  notice.hidden = true
  setLoggedIn(true)
  listLoaded = sessionList.load()
}

/** @param {string} reason */
function showSignedOut(reason) {
  const hidesFocus = document.activeElement?.closest('#account, #logged-in')
  shownSid = undefined
  setLoggedIn(false)
  clearToken()
  sessionList.clear()
  notice.textContent = explainSignOut(reason)
  notice.hidden = false
  if (hidesFocus) notice.focus()
}

/** @param {boolean} loggedIn */
function setLoggedIn(loggedIn) {
  for (const result of document.querySelectorAll('.result:not(#call-without-token-result)'))
    result.replaceChildren()
  markDone('login', loggedIn)
  if (!loggedIn) markDone('call-with-token', false)
  loggedInPanel.hidden = !loggedIn
  account.hidden = !loggedIn
  loginForm.hidden = loggedIn
}

/** Marks the step that contains this element. @param {string} id @param {boolean} done */
const markDone = (id, done) =>
  document.getElementById(id)?.closest('li')?.classList.toggle('done', done)

/** @param {'session' | 'others' | 'all'} scope */
async function endSessions(scope) {
  const response = await readResponse(session.logout(scope))
  if (scope === 'others') await sessionList.load()
  else if (response.status !== 200 && response.status !== 401)
    notice.textContent = `You are logged out in this page, but the API did not end your session. Reloading the page logs you in again. ${describeResponse(response)}`
  showResponse(output('logout-result'), response)
}

onClick(button('call-without-token'), async () => {
  const response = await readResponse(send('/protected'))
  showResponse(output('call-without-token-result'), response)
  markDone('call-without-token', response.status === 401)
})
onClick(button('call-with-token'), async () => {
  const response = await readResponse(session.fetch('/protected'))
  showResponse(output('call-with-token-result'), response)
  markDone('call-with-token', response.status === 200)
})
onClick(button('refresh'), async () => {
  const result = await session.refresh().catch((error) => readResponse(Promise.reject(error)))
  if (typeof result === 'object') showResponse(output('refresh-result'), result)
  else if (result)
    output('refresh-result').textContent = 'Refreshed: a new token for the same session.'
})
for (const logoutButton of loggedInPanel.querySelectorAll('button'))
  onClick(logoutButton, () => endSessions(/** @type {'session'} */ (logoutButton.dataset.scope)))

onSubmit(
  loginForm,
  ({ username = '', password = '' }) => readResponse(session.login({ username, password })),
  () => button('call-with-token').focus(),
)
onSubmit(
  find('change', HTMLFormElement),
  async ({ current_password = '', new_password = '' }) => {
    const response = await readResponse(session.changePassword({ current_password, new_password }))
    const message = 'Password changed. Your other sessions have ended.'
    return response.status === 200 ? { ...response, body: { message } } : response
  },
  () => void sessionList.load(),
)

offerPasswordChoice(send, (username) => {
  find('username', HTMLInputElement).value = username
  notice.textContent = `The password of ${username} is set. Log in with it.`
  notice.hidden = false
  find('password', HTMLInputElement).focus()
})

/** Continues a session from before a reload, or from another tab. */
async function resumeSession() {
  await session.refresh().catch(async (error) => {
    notice.textContent = describeResponse(await readResponse(Promise.reject(error)))
    notice.hidden = false
  })
  await listLoaded
}

// Without a timeout an API that hangs would leave every button disabled.
await Promise.race([
  resumeSession(),
  new Promise((resolve) => setTimeout(resolve, START_TIMEOUT_MS)),
])
start(undefined)
for (const control of document.querySelectorAll('#call-without-token, #call-with-token, fieldset'))
  control.removeAttribute('disabled')
