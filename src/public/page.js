// The page: the lesson's steps as buttons, and the account of the logged-in user.

import { isLocal } from './https.js' // first: it leaves plain HTTP
import { createActivity, describeNews } from './activity.js'
import { offerPasswordChoice } from './choose-password.js'
import { createCopyButton } from './copy.js'
import { find, onClick } from './dom.js'
import { showExchange } from './exchange-list.js'
import { askForCode, createFactors } from './factors.js'
import { onSubmit } from './forms.js'
import { offerOwnEndpoint } from './own-endpoint.js'
import { createRecordingFetch } from './recording-fetch.js'
import { describeResponse, explainSignOut, readResponse, showResponse } from './responses.js'
import { createSessionList } from './session-list.js'
import { ClientSession } from './session.js'
import { offerSignUp } from './sign-up.js'
import { markDone, markLoggedIn } from './steps.js'
import { changeToken, clearToken, describeChange, readClaims, showToken } from './token.js'

/** How long the page waits for its first requests before it enables its buttons. */
const START_TIMEOUT_MS = 2000
/** The first exchanges are shown together: one pushing the other down would shift the layout. */
const { promise: started, resolve: start } = Promise.withResolvers()
const send = createRecordingFetch((exchange) => void started.then(() => showExchange(exchange)))
/** Whether the user has asked for a refresh; the session sends others by itself. */
let asksForRefresh = false
const session = new ClientSession('/', {
  fetch: (url, init) =>
    send(url, url.pathname === '/refresh' && !asksForRefresh ? { ...init, priority: 'low' } : init),
  onTokens: showLogin,
  onSignedOut: showSignedOut,
})
const sessionList = createSessionList(session, () => endSessions('session'))
const factors = createFactors(session)
const activity = createActivity(session)

const button = (/** @type {string} */ id) => find(id, HTMLButtonElement)
const output = (/** @type {string} */ id) => find(id, HTMLParagraphElement)
const notice = output('notice')
const loginForm = find('login', HTMLFormElement)
const tokenField = find('changed-token', HTMLTextAreaElement)
const focusCall = () => button('call-with-token').focus()
const readToken = () => session.tokens?.access_token ?? ''

/** The session that is shown. @type {unknown} */
let shownSid
/** @type {Promise<unknown>} */
let listLoaded = Promise.resolve()
/** @type {ReturnType<typeof activity.load>} */
let recentEvents = Promise.resolve([])

/** @param {import('./session.js').Tokens} tokens */
function showLogin(tokens) {
  const { sid, sub } = readClaims(tokens.access_token)
  showToken(tokens)
  tokenField.value = tokens.access_token
  if (sid !== shownSid) {
    shownSid = sid
    find('username-shown', HTMLElement).textContent = String(sub)
    find('change-username', HTMLInputElement).value = String(sub)
    notice.hidden = true
    askForCode(false)
    setLoggedIn(true)
  }
  recentEvents = activity.load()
  listLoaded = Promise.all([sessionList.load(), factors.load(), recentEvents])
}

/** @param {string} reason */
function showSignedOut(reason) {
  const losesFocus = document.activeElement?.closest('#account, #logged-in, .needs-token')
  shownSid = undefined
  setLoggedIn(false)
  clearToken()
  factors.clear()
  tokenField.value = ''
  notice.textContent = explainSignOut(reason)
  notice.hidden = false
  if (losesFocus) notice.focus()
}

/** @param {boolean} loggedIn */
function setLoggedIn(loggedIn) {
  const shown = '.result:not(#call-without-token-result), #account :is(ul, ol)'
  for (const element of document.querySelectorAll(shown)) element.replaceChildren()
  markLoggedIn(loggedIn)
  find('logged-in', HTMLDivElement).hidden = !loggedIn
  find('account', HTMLDivElement).hidden = !loggedIn
  loginForm.hidden = loggedIn
}

/** @param {'session' | 'others' | 'all'} scope */
async function endSessions(scope) {
  const response = await readResponse(session.logout(scope))
  if (scope === 'others') {
    await sessionList.load()
    showResponse(output('sessions-result'), response)
  } else if (response.status !== 200 && response.status !== 401)
    notice.textContent = `You are logged out in this page, but the API did not end your session. Reloading the page logs you in again. ${describeResponse(response)}`
}

onClick(button('call-without-token'), async () => {
  const response = await readResponse(send('/protected'))
  showResponse(output('call-without-token-result'), response)
  markDone('without', response.status === 401)
})
onClick(button('call-with-token'), async () => {
  const response = await readResponse(session.fetch('/protected'))
  showResponse(output('call-with-token-result'), response)
  markDone('with', response.status === 200)
})
onClick(button('call-with-changed'), async () => {
  const token = readToken()
  if ([token, ''].includes(tokenField.value.trim())) tokenField.value = changeToken(token)
  const headers = { Authorization: `Bearer ${tokenField.value}` }
  const response = await readResponse(send('/protected', { headers }))
  showResponse(output('call-with-changed-result'), response)
  output('call-with-changed-result').append(describeChange(token, tokenField.value))
  markDone('changed', response.status === 401)
})
offerOwnEndpoint(send, session)
onClick(button('refresh'), async () => {
  asksForRefresh = true
  const result = await session.refresh().catch((error) => readResponse(Promise.reject(error)))
  asksForRefresh = false
  if (typeof result === 'object') showResponse(output('refresh-result'), result)
  else if (result)
    output('refresh-result').textContent = 'Refreshed: a new token for the same session.'
})
button('refresh').after(createCopyButton('Copy token', readToken))
for (const scope of /** @type {const} */ (['session', 'others', 'all']))
  onClick(button(`log-out-${scope}`), () => endSessions(scope))

onSubmit(
  loginForm,
  async ({ username = '', password = '', otp = '' }) => {
    notice.hidden = true
    const response = await readResponse(session.login({ username, password, ...(otp && { otp }) }))
    if (response.code.startsWith('otp_')) askForCode(true)
    return response
  },
  async () => {
    focusCall()
    notice.textContent = describeNews(await recentEvents)
    notice.hidden = notice.textContent === ''
  },
)
find('username', HTMLInputElement).addEventListener('input', () => askForCode(false))
button('use-cosmo').hidden = !isLocal
onClick(button('use-cosmo'), async () => {
  find('username', HTMLInputElement).value = 'cosmo'
  find('password', HTMLInputElement).value = 'space-corgi'
  loginForm.requestSubmit()
})
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
  if (!session.tokens) markLoggedIn(false)
  notice.textContent = `The password of ${username} is set. Log in with it.`
  notice.hidden = false
  find('password', HTMLInputElement).focus()
})

/** Continues a session from before a reload, or from another tab. */
async function resumeSession() {
  const loggedIn = await session.refresh().catch(async (error) => {
    notice.textContent = describeResponse(await readResponse(Promise.reject(error)))
    notice.hidden = false
  })
  if (loggedIn !== undefined) await offerSignUp(session, send, focusCall)
  await listLoaded
}

// Without a timeout an API that hangs would leave every button disabled.
await Promise.race([
  resumeSession(),
  new Promise((resolve) => setTimeout(resolve, START_TIMEOUT_MS)),
])
start(undefined)
for (const control of document.querySelectorAll('#call-without-token, fieldset'))
  control.removeAttribute('disabled')
