// The second factor: the code at login, enrolment with a QR code, recovery codes.

import { createCopyButton } from './copy.js'
import { el, find, onClick, replaceEntries } from './dom.js'
import { onSubmit } from './forms.js'
import { describeResponse, formatTime, readResponse, showResponse, toPost } from './responses.js'

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
  const key = find('enrol-secret', HTMLAnchorElement)
  const qr = find('enrol-qr', HTMLCanvasElement)
  let enrolledId = ''

  /** @param {string} path @param {RequestInit} [init] */
  const send = (path, init = { priority: 'low' }) => readResponse(session.fetch(path, init))

  const load = async () => {
    const response = await send('/me/factors')
    section.hidden = response.status === 404 // this API has no second factors
    if (response.status !== 200) return
    const all = /** @type {Factor[]} */ (response.body.factors)
    const factors = all.filter(({ status }) => status !== 'unverified')
    const entries = factors.map((factor) => renderFactor(factor, () => remove(factor)))
    replaceEntries(find('factors-list', HTMLUListElement), entries)
    replace.hidden = factors.length === 0
    const { remaining, total } = factors.length > 0 ? (await send('/me/recovery-codes')).body : {}
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
    const response = await send(`/me/factors/${id}`, { method: 'DELETE' })
    clear() // the codes may be gone with it
    await load()
    showResponse(output, response)
  }

  /** Shows codes until the user has saved them. @param {unknown} codes */
  const showCodes = (codes) => {
    clear()
    codeList.textContent = Array.isArray(codes) ? codes.join('\n') : ''
    const user = find('username-shown', HTMLElement).textContent
    const title = `Recovery codes of ${user} for ${location.origin}, ${formatTime(Date.now() / 1000)}`
    // A data: URL would leave the codes in the browser's history.
    download.href = URL.createObjectURL(new Blob([`${title}\n\n${codeList.textContent}\n`]))
    codesSection.hidden = false
    find('codes-title', HTMLHeadingElement).focus()
  }
  download.before(createCopyButton('Copy the codes', () => codeList.textContent))
  key.after(createCopyButton('Copy the key', () => key.textContent))

  onClick(find('factors-add', HTMLButtonElement), async () => {
    const input = find('enrol-otp', HTMLInputElement)
    if (!form.hidden) return input.select() // another key would replace the one that is shown
    const fields = { factor_type: 'totp', friendly_name: 'Authenticator app' }
    const response = await send('/me/factors', toPost(fields))
    if (response.status !== 201) return showResponse(output, response)
    const { id, totp } = /** @type {Enrolment} */ (/** @type {unknown} */ (response.body))
    output.replaceChildren()
    form.reset()
    enrolledId = id
    form.hidden = false
    key.href = totp.uri
    key.textContent = totp.secret.replaceAll(/.{4}(?=.)/g, '$& ')
    input.focus()
    /** @type {LeanQr | undefined} */
    const leanQr = await import(QR_MODULE).catch(() => undefined)
    qr.hidden = !leanQr
    leanQr?.generate(totp.uri).toCanvas(qr)
  })
  onSubmit(
    form,
    async ({ otp = '' }) => {
      const response = await send(`/me/factors/${enrolledId}/verify`, toPost({ otp }))
      if (response.code !== 'not_found') return response
      clear()
      output.textContent =
        'This enrolment was finished or replaced. If your app is in the list, create new recovery codes.'
      await session.refresh().catch(load)
      return response
    },
    ({ body }) => {
      showCodes(body.recovery_codes)
      // A token that says that the factor was shown. With it, the page loads its lists again.
      void session.refresh().catch(load)
    },
  )
  onClick(replace, async () => {
    const response = await send('/me/recovery-codes', { method: 'POST' })
    output.textContent = response.status === 201 ? '' : describeResponse(response)
    if (response.status === 201) showCodes(response.body.codes)
    await load()
  })
  onClick(find('otp-letters', HTMLButtonElement), async () => {
    find('otp', HTMLInputElement).inputMode = 'text'
    find('otp', HTMLInputElement).focus()
  })
  for (const id of ['codes-saved', 'enrol-cancel'])
    onClick(find(id, HTMLButtonElement), async () => clear())

  const clear = () => {
    codesSection.hidden = true
    form.hidden = true
    form.reset()
    for (const element of [codeList, key]) element.replaceChildren()
    URL.revokeObjectURL(download.href)
    for (const link of [download, key]) link.removeAttribute('href')
    qr.width = 0
    find('factors-title', HTMLHeadingElement).focus() // what had it is gone
  }
  return { load, clear }
}

/** @param {Factor} factor @param {() => Promise<void>} remove */
function renderFactor({ id, friendly_name: name, status, created_at: createdAt }, remove) {
  const since = formatTime(createdAt)
  const state = status === 'disabled' ? 'Disabled after too many wrong codes, added' : 'Added'
  const times = el('p', { class: 'times' }, `${state} ${since}.`)
  const device = el('div', { class: 'device' }, el('strong', {}, name), times)
  const label = `Remove ${name} of ${since}`
  const button = el('button', { type: 'button', id: `remove-${id}`, 'aria-label': label }, 'Remove')
  onClick(button, remove)
  return el('li', {}, device, button)
}
