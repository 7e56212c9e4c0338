// A client's session: the access token in memory only, changes in one order, one shared refresh, one retry.
// @ts-check

import { isInvalidToken, readErrorCode } from './error-codes.js'
import { Tabs } from './tabs.js'

/** @typedef {{ access_token: string, expires_in: number, refresh_expires_in: number }} Tokens */
/** @typedef {{ username: string, password: string }} Credentials */
/** `otp`: a code of an authenticator app, or a recovery code. @typedef {Credentials & { otp?: string }} LoginFields */
/**
 * Stores a refresh token that is not in a cookie.
 * @typedef {object} TokenStore
 * @property {() => string | undefined | Promise<string | undefined>} load
 * @property {(token: string | undefined) => void | Promise<void>} save
 */
/**
 * @typedef {object} SessionOptions
 * @property {boolean} [cookie] Keeps the refresh token in the browser's cookie. Default: true in a page of this origin.
 * @property {TokenStore} [store] Stores the refresh token if it is not in a cookie. Default: in memory.
 * @property {(url: URL, init: RequestInit) => Promise<Response>} [fetch]
 * @property {(tokens: Tokens) => void} [onTokens] Called after a login and each refresh, also in other tabs.
 * @property {(reason: string) => string | undefined | Promise<string | undefined>} [onCodeNeeded] Asks the user for a
 *   one-time code: with `otp_required`, and with `otp_wrong` after a wrong one. Without a code, the login ends.
 * @property {(reason: string) => void} [onSignedOut] Called with `logout`, or the Worker's error code: `token_revoked`.
 */

export class ClientSession {
  #base
  #send
  #store
  #events
  #tabs
  /** @type {Tokens | undefined} */
  #tokens
  /** @type {Promise<Response | undefined> | undefined} */
  #refreshing
  /** Ends with the last login, logout or refresh. @type {Promise<unknown>} */
  #lastChange = Promise.resolve()
  /** Whether an earlier page or process may have left a refresh token. */
  #mayResume

  /** @param {string} baseUrl @param {SessionOptions} [options] */
  constructor(baseUrl, options = {}) {
    const { location } = /** @type {{ location?: { href: string, origin: string } }} */ (globalThis)
    this.#base = new URL(baseUrl, location?.href)
    this.#send = options.fetch ?? ((...args) => fetch(...args))
    const cookie = options.cookie ?? this.#base.origin === location?.origin
    this.#store = cookie ? undefined : (options.store ?? createMemoryStore())
    this.#events = options
    this.#mayResume = cookie || options.store !== undefined
    if (cookie)
      this.#tabs = new Tabs(`latchkey ${this.#base}`, ({ tokens, reason = '' }) =>
        tokens ? this.#setTokens(tokens) : this.#clearTokens(reason),
      )
  }

  /** The access token and its lifetime while logged in. Do not store them anywhere else. */
  get tokens() {
    return this.#tokens
  }

  /**
   * Calls `fetch` with the access token, for this API only. After a 401 with `invalid_token` it
   * refreshes and sends the request once more, so the body must not be a stream. It never sends it as
   * another user who has logged in meanwhile: then the 401 is returned.
   * @param {string | URL} path @param {RequestInit} [init] @returns {Promise<Response>}
   */
  fetch(path, init) {
    return this.#withToken((token) => this.#request(path, init, token))
  }

  /** @param {(token?: string) => Promise<Response>} send @returns {Promise<Response>} */
  async #withToken(send) {
    const failed = !this.#tokens && this.#mayResume ? await this.#refresh() : undefined
    if (failed) return failed.clone()
    const used = this.#tokens
    const response = await send(used?.access_token)
    if (!used || !isInvalidToken(response)) return response
    const failure = this.#tokens === used ? await this.#refresh() : undefined
    if (failure) return failure.clone()
    const renewed = this.#tokens
    return renewed && readSessionId(renewed) === readSessionId(used)
      ? send(renewed.access_token)
      : response
  }

  /**
   * Logs in. If the user has a second factor and `otp` is missing or wrong, asks `onCodeNeeded` for a code.
   * @param {LoginFields} fields @returns {Promise<Response>}
   */
  async login(fields) {
    let response = await this.#startSession('/login', fields)
    // Between two requests, so that other tabs can refresh while the user looks for the code.
    while (readErrorCode(response).startsWith('otp_')) {
      const otp = await this.#events.onCodeNeeded?.(readErrorCode(response))
      if (!otp) break
      response = await this.#startSession('/login', { ...fields, otp })
    }
    return response
  }

  /** Creates a user and logs in, if SIGNUP is `open`. @param {Credentials} credentials @returns {Promise<Response>} */
  signUp(credentials) {
    return this.#startSession('/signup', credentials)
  }

  /**
   * Changes the password. Every session of the user ends, and a new one starts here.
   * @param {{ current_password: string, new_password: string }} fields @returns {Promise<Response>}
   */
  changePassword(fields) {
    return this.#withToken((token) =>
      this.#startSession('/me/password', fields, { method: 'PUT', token }),
    )
  }

  /** @param {string} path @param {object} fields @param {{ method: string, token?: string | undefined }} [how] */
  #startSession(path, fields, { method, token } = { method: 'POST' }) {
    return this.#inOrder(async () => {
      const body = JSON.stringify({ ...fields, cookie: !this.#store })
      const init = { method, headers: { 'Content-Type': 'application/json' }, body }
      const response = await this.#request(path, init, token)
      if (response.ok) await this.#saveTokens(await response.clone().json())
      return response
    })
  }

  /**
   * Ends this session, the user's other sessions, or all of them. The client drops its tokens even
   * if the Worker cannot be reached.
   * @param {'session' | 'others' | 'all'} [scope] @returns {Promise<Response>}
   */
  logout(scope = 'session') {
    return this.#inOrder(async () => {
      try {
        const path = `/logout?scope=${scope}`
        const response = await this.#requestWithRefreshToken(path)
        // A browser may have dropped the cookie, as it does on plain http: use the access token.
        if (response.status !== 401 || isInvalidToken(response) || !this.#tokens) return response
        return await this.#request(path, { method: 'POST' }, this.#tokens.access_token)
      } finally {
        if (scope !== 'others') await this.#signOut('logout')
      }
    })
  }

  /**
   * Gets new tokens, also after a reload. Returns whether the user is logged in. Throws when the
   * Worker fails. @returns {Promise<boolean>}
   */
  async refresh() {
    const failure = await this.#refresh()
    if (failure) throw new Error(`/refresh failed: ${failure.status}`, { cause: failure })
    return this.#tokens !== undefined
  }

  /** Shares one refresh among all callers. Returns the Worker's response if it failed. */
  #refresh() {
    const before = this.#tokens
    const isCurrent = () => this.#tokens === before
    const needed = () => isCurrent() && this.#mayResume
    const renew = () => this.#renew()
    const renewOnce = () => (this.#tabs ? this.#tabs.runOnce(renew, needed) : renew())
    this.#refreshing ??= this.#enqueue(async () => (isCurrent() ? renewOnce() : undefined)).finally(
      () => (this.#refreshing = undefined),
    )
    return this.#refreshing
  }

  async #renew() {
    const before = this.#tokens
    const response = await this.#requestWithRefreshToken('/refresh')
    if (response.ok) await this.#saveTokens(await response.json())
    else if (response.status !== 401) return response
    else await this.#signOut(readErrorCode(response), Boolean(before) || isInvalidToken(response))
    return undefined
  }

  /**
   * Runs one change after another, across tabs too: the late response to a refresh must not replace the
   * tokens of a newer login, or bring back those of a session that was logged out.
   * @template T @param {() => Promise<T>} work @returns {Promise<T>}
   */
  #inOrder(work) {
    return this.#enqueue(() => (this.#tabs ? this.#tabs.withLock(work) : work()))
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  #enqueue(work) {
    const change = this.#lastChange.then(work)
    this.#lastChange = change.catch(() => {}) // its own callers get the error
    return change
  }

  /** @param {Tokens & { refresh_token?: string }} response */
  async #saveTokens({ refresh_token: refreshToken, ...tokens }) {
    this.#setTokens(tokens)
    this.#tabs?.broadcast({ tokens })
    await this.#store?.save(refreshToken)
  }

  /** @param {string} reason @param {boolean} [wasLoggedIn] */
  async #signOut(reason, wasLoggedIn) {
    this.#clearTokens(reason, wasLoggedIn)
    this.#tabs?.broadcast({ reason })
    await this.#store?.save(undefined)
  }

  /** @param {Tokens} tokens */
  #setTokens(tokens) {
    this.#tokens = tokens
    this.#events.onTokens?.(tokens)
  }

  /** @param {string} reason @param {boolean} [wasLoggedIn] false: no event, since nothing ended */
  #clearTokens(reason, wasLoggedIn = this.#tokens !== undefined) {
    this.#tokens = undefined
    this.#mayResume = false
    if (wasLoggedIn) this.#events.onSignedOut?.(reason)
  }

  /** Sends the refresh token: from the store, or the browser adds its cookie. @param {string} path */
  async #requestWithRefreshToken(path) {
    return this.#request(path, { method: 'POST' }, await this.#store?.load())
  }

  /** @param {string | URL} path @param {RequestInit} [init] @param {string} [token] */
  async #request(path, init = {}, token) {
    const url = new URL(path, this.#base)
    if (url.origin !== this.#base.origin)
      throw new TypeError(`The token is only sent to ${this.#base.origin}, not to ${url.origin}`)
    const headers = new Headers(init.headers)
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
    return this.#send(url, { ...init, headers })
  }
}

/**
 * Returns the id of the session that the tokens belong to, which a refresh does not change.
 * @param {Tokens} tokens @returns {string | undefined}
 */
function readSessionId({ access_token: token }) {
  const [, claims = ''] = token.split('.')
  try {
    return JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/'))).sid
  } catch {
    return undefined // not a token of Latchkey, as in the tests of another project
  }
}

/** @returns {TokenStore} */
function createMemoryStore(/** @type {string | undefined} */ stored = undefined) {
  return { load: () => stored, save: (token) => void (stored = token) }
}
