// Every request of the page and its answer, written down as they go over the wire.

/** @typedef {[name: string, value: string][]} Headers */
/**
 * @typedef {object} Exchange
 * @property {string} method
 * @property {string} path
 * @property {Headers} headers
 * @property {string} body
 * @property {number} milliseconds
 * @property {{ status: number, headers: Headers, body: string }} [answer] Missing when none came.
 */

/** After this time no answer is expected any more. */
const PATIENCE_MS = 15_000
const PASSWORDS = new Set(['password', 'current_password', 'new_password'])

/**
 * A `fetch` that tells of each exchange, without its secrets.
 * @param {(exchange: Exchange) => void} onExchange
 */
export function recordingFetch(onExchange) {
  return async (/** @type {string | URL} */ url, /** @type {RequestInit} */ init = {}) => {
    const { pathname, search } = new URL(url, location.href)
    const startedAt = performance.now()
    /** @param {Exchange['answer']} [answer] */
    const tell = (answer) =>
      onExchange({
        method: init.method ?? 'GET',
        path: pathname + search,
        headers: list(new Headers(init.headers)),
        body: readable(typeof init.body === 'string' ? init.body : ''),
        milliseconds: Math.round(performance.now() - startedAt),
        ...(answer && { answer }),
      })
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS), ...init })
      const body = readable(await response.clone().text())
      tell({ status: response.status, headers: list(response.headers), body })
      return response
    } catch (error) {
      tell()
      throw error
    }
  }
}

/** @param {globalThis.Headers} headers @returns {Headers} */
const list = (headers) => [...headers].map(([name, value]) => [name, shorten(value)])

/** A body on several lines, with its passwords masked whatever their length. @param {string} text */
function readable(text) {
  try {
    /** @param {string} name @param {unknown} value */
    const mask = (name, value) => (PASSWORDS.has(name) ? '••••••••' : value)
    return shorten(JSON.stringify(JSON.parse(text), mask, 2))
  } catch {
    return shorten(text) // no JSON: as it is
  }
}

/** Tokens by their ends, so that none can be copied off a screen. @param {string} text */
const shorten = (text) =>
  text.replaceAll(
    /eyJ[\w-]+\.[\w-]+\.[\w-]+/g,
    (token) => `${token.slice(0, 12)}…${token.slice(-6)}`,
  )
