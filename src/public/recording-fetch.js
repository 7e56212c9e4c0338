// Records every request of the page and its response, without what is secret in them.

/** @typedef {[name: string, value: string][]} HeaderPairs */
/**
 * @typedef {object} Exchange
 * @property {string} method
 * @property {string} path
 * @property {HeaderPairs} headers
 * @property {string} body
 * @property {number} milliseconds
 * @property {boolean} isBackground Whether the page sent it without being asked.
 * @property {string} curl The command that sends it again, with its token but without passwords.
 * @property {{ status: number, headers: HeaderPairs, body: string }} [response] Missing if there was none.
 */

const TIMEOUT_MS = 15_000
const MASK = '••••••••'
/** Fields of a request whose values users type, and fields of a response whose values are issued. */
const TYPED_SECRETS = ['password', 'current_password', 'new_password', 'code', 'otp']
const ISSUED_SECRETS = ['code', 'codes', 'recovery_codes', 'totp']

/**
 * Creates a `fetch` that reports each exchange.
 * @param {(exchange: Exchange) => void} onExchange
 */
export function createRecordingFetch(onExchange) {
  return async (/** @type {string | URL} */ url, /** @type {RequestInit} */ init = {}) => {
    const { pathname, search } = new URL(url, location.href)
    const startedAt = performance.now()
    /** @param {Exchange['response']} [response] */
    const record = (response) =>
      onExchange({
        method: init.method ?? 'GET',
        path: pathname + search,
        headers: readHeaders(new Headers(init.headers)),
        body: shortenTokens(maskBody(init.body, TYPED_SECRETS, 2)),
        isBackground: init.priority === 'low',
        curl: toCurl(url, init),
        milliseconds: Math.round(performance.now() - startedAt),
        ...(response && { response }),
      })
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), ...init })
      const body = shortenTokens(maskBody(await response.clone().text(), ISSUED_SECRETS, 2))
      record({ status: response.status, headers: readHeaders(response.headers), body })
      return response
    } catch (error) {
      record()
      throw error
    }
  }
}

/** @param {Headers} headers @returns {HeaderPairs} */
const readHeaders = (headers) => [...headers].map(([name, value]) => [name, shortenTokens(value)])

/**
 * Masks fields of a JSON object, but no error about a field of that name.
 * @param {unknown} body @param {string[]} secrets @param {number} [indent]
 */
function maskBody(body, secrets, indent) {
  if (typeof body !== 'string') return ''
  try {
    const parsed = JSON.parse(body)
    /** @this {unknown} @param {string} name @param {unknown} value */
    function mask(name, value) {
      return this === parsed && secrets.includes(name) ? hide(value) : value
    }
    return JSON.stringify(parsed, mask, indent)
  } catch {
    return body // not JSON
  }
}

/** Masks all strings in a value, except empty ones. @param {unknown} value */
const hide = (value) =>
  JSON.parse(JSON.stringify(value, (_, part) => (part && typeof part === 'string' ? MASK : part)))

/** @param {string | URL} url @param {RequestInit} init */
function toCurl(url, { method = 'GET', headers, body }) {
  const words = ['curl -i', quote(new URL(url, location.href).href)]
  if (method !== (body ? 'POST' : 'GET')) words.push('-X', method)
  for (const [name, value] of new Headers(headers))
    if (name !== 'content-type') words.push('-H', quote(`${name}: ${value}`))
  if (body) words.push('--json', quote(maskBody(body, TYPED_SECRETS)))
  return words.join(' ')
}

/** Quotes a word for a POSIX shell. @param {string} word */
const quote = (word) => `'${word.replaceAll("'", String.raw`'\''`)}'`

/** Cuts tokens short, so that none can be copied from a screenshot. @param {string} value */
const shortenTokens = (value) =>
  value.replaceAll(
    /eyJ[\w-]+\.[\w-]+\.[\w-]+/g,
    (token) => `${token.slice(0, 12)}…${token.slice(-6)}`,
  )
