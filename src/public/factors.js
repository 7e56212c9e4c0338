// The second factor: the code at login, enrolment with a QR code, recovery codes.

import { createCopyButton } from './copy.js'
import { el, find, onClick } from './dom.js'
import { onSubmit } from './forms.js'
import { describeResponse, formatTime, readResponse, showResponse } from './responses.js'

/** @typedef {{ id: string, friendly_name: string, status: string, created_at: number }} Factor */
/** @typedef {{ id: string, totp: { secret: string, uri: string } }} Enrolment */
/** @typedef {{ generate(text: string): { toCanvas(canvas: HTMLCanvasElement): void } }} LeanQr */

/** Copied by `npm install`; loaded only for an enrolment. */
const QR_MODULE = './lean-qr.js'
/** From how few recovery codes on the page warns. */
const FEW_CODES = 2

/** Shows the field for a one-time code in the login form, or hides it. @param {boolean} needed */
export function askForCode(needed) {
  const input = find('otp', HTMLInputElement)
  find('otp-field', HTMLDivElement).hidden = !needed
  if (needed) return input.select()
  input.value = ''
  input.inputMode = 'numeric' // a recovery code may have been typed
}

/** @param {import('./session.js').ClientSession} session */
export function createFactors(session) {
  const section = find('factors', HTMLElement)
  const output = find('factors-result', HTMLParagraphElement)
  const form = find('enrol', HTMLFormElement)
  const codesSection = find('codes', HTMLElement)
  const replace = find('codes-replace', HTMLButtonElement)
  const codeList = find('codes-list', HTMLPreElement)
  const download = find('codes-download', HTMLAnchorElement)
  let enrolledId = ''

  /** @param {string} method @param {string} path @param {object} [fields] */
  const send = (method, path, fields) => {
    const body = fields && {
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(fields),
    }
    return readResponse(session.fetch(path, { method, ...body }))
  }

  /** @param {string} path */
  const get = (path) => readResponse(session.fetch(path, { priority: 'low' }))

  const load = async () => {
    const response = await get('/me/factors')
    section.hidden = response.status === 404 // this API has no second factors
    if (response.status !== 200) return
    const all = /** @type {Factor[]} */ (response.body.factors)
    const factors = all.filter(({ status }) => status !== 'unverified')
    find('factors-list', HTMLUListElement).replaceChildren(
      ...factors.map((factor) => renderFactor(factor, () => remove(factor))),
    )
    replace.hidden = factors.length === 0
    const { remaining, total } = factors.length > 0 ? (await get('/me/recovery-codes')).body : {}
    const left = `Recovery codes left: ${remaining}`
    const isFew = Number(remaining) <= FEW_CODES
    const count = find('codes-left', HTMLParagraphElement)
    count.textContent = total ? `${left} of ${total}.` : ''
    count.classList.toggle('warn', isFew)
    find('codes-few', HTMLParagraphElement).textContent = isFew
      ? `${left}. Create new ones under “Second factor”.`
      : ''
  }

  /** @param {Factor} factor */
  const remove = async ({ id }) => {
    const response = await send('DELETE', `/me/factors/${id}`)
    clear() // the codes may be gone with it
    await load()
    showResponse(output, response)
    find('factors-title', HTMLHeadingElement).focus() // the button was removed
  }

  /** Shows codes until the user has saved them. @param {unknown} codes */
  const showCodes = (codes) => {
    codeList.textContent = Array.isArray(codes) ? codes.join('\n') : ''
    const user = find('username-shown', HTMLElement).textContent
    const title = `Recovery codes of ${user} for ${location.origin}, ${formatTime(Date.now() / 1000)}`
    // A data: URL would leave the codes in the browser's history.
    download.href = URL.createObjectURL(new Blob([`${title}\n\n${codeList.textContent}\n`]))
    codesSection.hidden = false
    find('codes-title', HTMLHeadingElement).focus()
  }
  download.before(createCopyButton('Copy the codes', () => codeList.textContent))

  onClick(find('factors-add', HTMLButtonElement), async () => {
    clear() // an enrolment that was not confirmed
    const fields = { factor_type: 'totp', friendly_name: 'Authenticator app' }
    const response = await send('POST', '/me/factors', fields)
    if (response.status !== 201) return showResponse(output, response)
    const { id, totp } = /** @type {Enrolment} */ (/** @type {unknown} */ (response.body))
    output.replaceChildren()
    enrolledId = id
    form.hidden = false
    find('enrol-secret', HTMLElement).textContent = totp.secret.replaceAll(/.{4}(?=.)/g, '$& ')
    find('enrol-otp', HTMLInputElement).focus()
    const { generate } = /** @type {LeanQr} */ (await import(QR_MODULE))
    generate(totp.uri).toCanvas(find('enrol-qr', HTMLCanvasElement))
  })
  onSubmit(
    form,
    ({ otp = '' }) => send('POST', `/me/factors/${enrolledId}/verify`, { otp }),
    async ({ body }) => {
      form.hidden = true
      showCodes(body.recovery_codes)
      await session.refresh() // a token that says that the factor was shown
      await load()
    },
  )
  onClick(replace, async () => {
    const response = await send('POST', '/me/recovery-codes')
    output.textContent = response.status === 201 ? '' : describeResponse(response)
    if (response.status === 201) showCodes(response.body.codes)
    await load()
  })
  onClick(find('otp-letters', HTMLButtonElement), async () => {
    find('otp', HTMLInputElement).inputMode = 'text'
    find('otp', HTMLInputElement).focus()
  })
  onClick(find('codes-saved', HTMLButtonElement), async () => clear())

  const clear = () => {
    codesSection.hidden = true
    form.hidden = true
    form.reset()
    for (const element of [codeList, find('enrol-secret', HTMLElement)]) element.replaceChildren()
    URL.revokeObjectURL(download.href)
    download.removeAttribute('href')
    find('enrol-qr', HTMLCanvasElement).width = 0
  }
  return { load, clear }
}

/** @param {Factor} factor @param {() => Promise<void>} remove */
function renderFactor({ friendly_name: name, status, created_at: createdAt }, remove) {
  const button = /** @type {HTMLButtonElement} */ (el('button', { type: 'button' }, 'Remove'))
  const since = formatTime(createdAt)
  button.setAttribute('aria-label', `Remove ${name} of ${since}`)
  onClick(button, remove)
  const state = status === 'disabled' ? 'Disabled after too many wrong codes, added' : 'Added'
  return el(
    'li',
    {},
    el(
      'div',
      { class: 'device' },
      el('strong', {}, name),
      el('p', { class: 'times' }, `${state} ${since}.`),
    ),
    button,
  )
}
