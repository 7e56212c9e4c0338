// The page: the lesson's three steps to click, and what a login can do.

import { inWords, report, settle, whySignedOut } from './answers.js'
import { find, onClick } from './dom.js'
import { showExchange } from './exchanges.js'
import { onSubmit } from './forms.js'
import { createSessionList } from './session-list.js'
import { Session } from './session.js'
import { forgetToken, readClaims, showToken } from './token.js'
import { recordingFetch } from './wire.js'

/** How long the page waits for what it asks at its start. */
const START_MS = 2000
/** The first exchanges are shown together: one pushing the other down would make the page jump. */
const { promise: started, resolve: start } = Promise.withResolvers()
const send = recordingFetch((exchange) => void started.then(() => showExchange(exchange)))
const session = new Session('/', { fetch: send, onTokens: showLogin, onSignedOut: showSignedOut })
const list = createSessionList(session, () => logOut('session'))

const button = (/** @type {string} */ id) => find(id, HTMLButtonElement)
const output = (/** @type {string} */ id) => find(id, HTMLParagraphElement)
const notice = output('notice')
const account = find('account', HTMLDivElement)
const welcome = find('welcome', HTMLDivElement)
const loginForm = find('login', HTMLFormElement)

/** The session that is shown. @type {unknown} */
let shownSid
let listed = Promise.resolve()

/** @param {import('./session.js').Tokens} tokens */
function showLogin(tokens) {
  const { sid, sub } = readClaims(tokens.access_token)
  showToken(tokens)
  if (sid === shownSid) return
  shownSid = sid
  find('username-shown', HTMLElement).textContent = String(sub)
  find('change-username', HTMLInputElement).value = String(sub)
  notice.hidden = true
  showAs(true)
  listed = list.read()
}

/** @param {string} reason */
function showSignedOut(reason) {
  const focusGoes = document.activeElement?.closest('#account, #welcome')
  shownSid = undefined
  showAs(false)
  forgetToken()
  list.forget()
  notice.textContent = whySignedOut(reason)
  notice.hidden = false
  if (focusGoes) notice.focus()
}

/** @param {boolean} loggedIn */
function showAs(loggedIn) {
  for (const result of document.querySelectorAll('.result:not(#knock-result)'))
    result.replaceChildren()
  markDone('login', loggedIn)
  if (!loggedIn) markDone('enter', false)
  welcome.hidden = !loggedIn
  account.hidden = !loggedIn
  loginForm.hidden = loggedIn
}

/** @param {string} id @param {boolean} done of the step in which this element stands */
const markDone = (id, done) =>
  document.getElementById(id)?.closest('li')?.classList.toggle('done', done)

/** @param {'session' | 'others' | 'all'} scope */
async function logOut(scope) {
  const answer = await settle(session.logout(scope))
  if (scope === 'others') await list.read()
  else if (answer.status !== 200 && answer.status !== 401)
    notice.textContent = `This page has forgotten your login, but the API has not: a reload brings it back. ${inWords(answer)}`
  report(output('logout-result'), answer)
}

onClick(button('knock'), async () => {
  const answer = await settle(send('/protected'))
  report(output('knock-result'), answer)
  markDone('knock', answer.status === 401)
})
onClick(button('enter'), async () => {
  const answer = await settle(session.fetch('/protected'))
  report(output('enter-result'), answer)
  markDone('enter', answer.status === 200)
})
onClick(button('refresh'), async () => {
  const failure = await session.refresh().catch((error) => settle(Promise.reject(error)))
  if (typeof failure === 'object') report(output('refresh-result'), failure)
  else if (failure)
    output('refresh-result').textContent = 'Refreshed: a new token, for the same session.'
})
for (const one of welcome.querySelectorAll('button'))
  onClick(one, () => logOut(/** @type {'session'} */ (one.dataset.scope)))

onSubmit(
  loginForm,
  ({ username = '', password = '' }) => settle(session.login({ username, password })),
  () => button('enter').focus(),
)
onSubmit(
  find('change', HTMLFormElement),
  (fields) =>
    settle(
      session.fetch('/me/password', {
        method: 'PUT',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(fields),
      }),
    ),
  () => void list.read(),
)

/** A login of before a reload, or of another tab, goes on. */
async function resume() {
  await session.refresh().catch(async (error) => {
    notice.textContent = inWords(await settle(Promise.reject(error)))
    notice.hidden = false
  })
  await listed
}

// An API that hangs must not keep the page shut.
await Promise.race([resume(), new Promise((resolve) => setTimeout(resolve, START_MS))])
start(undefined)
for (const control of document.querySelectorAll('#knock, #enter, fieldset'))
  control.removeAttribute('disabled')
