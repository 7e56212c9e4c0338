// Records every request of the page and its response, without passwords and tokens.

/** @typedef {[name: string, value: string][]} HeaderPairs */
/**
 * @typedef {object} Exchange
 * @property {string} method
 * @property {string} path
 * @property {HeaderPairs} headers
 * @property {string} body
 * @property {number} milliseconds
 * @property {{ status: number, headers: HeaderPairs, body: string }} [response] Missing if there was none.
 */

const TIMEOUT_MS = 15_000
const SECRET_FIELDS = new Set(['password', 'current_password', 'new_password', 'code'])

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
        body: formatBody(typeof init.body === 'string' ? init.body : ''),
        milliseconds: Math.round(performance.now() - startedAt),
        ...(response && { response }),
      })
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), ...init })
      const body = formatBody(await response.clone().text())
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

/** Indents JSON and masks its passwords and codes, but not errors about them. @param {string} body */
function formatBody(body) {
  try {
    /** @param {string} name @param {unknown} value */
    const mask = (name, value) =>
      SECRET_FIELDS.has(name) && typeof value === 'string' ? '••••••••' : value
    return shortenTokens(JSON.stringify(JSON.parse(body), mask, 2))
  } catch {
    return shortenTokens(body) // not JSON
  }
}

/** Cuts tokens short, so that none can be copied from a screenshot. @param {string} value */
const shortenTokens = (value) =>
  value.replaceAll(
    /eyJ[\w-]+\.[\w-]+\.[\w-]+/g,
    (token) => `${token.slice(0, 12)}…${token.slice(-6)}`,
  )
