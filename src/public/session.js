// A login as its client holds it: the access token in memory alone, one refresh for all, one retry.
// @ts-check

import { Tabs } from './tabs.js'

/** @typedef {{ access_token: string, expires_in: number, refresh_expires_in: number }} Tokens */
/**
 * Where a refresh token is kept that is in no cookie.
 * @typedef {object} TokenStore
 * @property {() => string | undefined | Promise<string | undefined>} load
 * @property {(token: string | undefined) => void | Promise<void>} save
 */
/**
 * @typedef {object} SessionOptions
 * @property {boolean} [cookie] The refresh token stays in the browser's cookie: by default in a page of this origin.
 * @property {TokenStore} [store] Keeps it elsewhere: by default in memory.
 * @property {(url: URL, init: RequestInit) => Promise<Response>} [fetch]
 * @property {(tokens: Tokens) => void} [onTokens] After a login and each refresh, of other tabs too.
 * @property {(reason: string) => void} [onSignedOut] `logout`, or what the Worker says of the session.
 */

export class Session {
  #base
  #send
  #store
  #events
  #tabs
  /** @type {Tokens | undefined} */
  #tokens
  /** @type {Promise<Response | undefined> | undefined} */
  #refreshing
  /** Whether a login of an earlier page or process may still stand. */
  #mayResume

  /** @param {string} baseUrl @param {SessionOptions} [options] */
  constructor(baseUrl, options = {}) {
    const { location } = /** @type {{ location?: { href: string, origin: string } }} */ (globalThis)
    this.#base = new URL(baseUrl, location?.href)
    this.#send = options.fetch ?? ((...args) => fetch(...args))
    const cookie = options.cookie ?? this.#base.origin === location?.origin
    this.#store = cookie ? undefined : (options.store ?? keepInMemory())
    this.#events = options
    this.#mayResume = cookie || options.store !== undefined
    if (cookie)
      this.#tabs = new Tabs(`latchkey ${this.#base}`, ({ tokens, reason = '' }) =>
        tokens ? this.#hold(tokens) : this.#forget(reason),
      )
  }

  /** The access token and its lifetime, if there is a login. Keep them nowhere else. */
  get tokens() {
    return this.#tokens
  }

  /**
   * `fetch` with the access token, for this API alone. After a 401 `invalid_token` it refreshes and
   * tries once more, so a body must be one that can be sent twice: no stream.
   * @param {string | URL} path @param {RequestInit} [init] @returns {Promise<Response>}
   */
  async fetch(path, init) {
    const failed = !this.#tokens && this.#mayResume ? await this.#refresh() : undefined
    if (failed) return failed.clone()
    const used = this.#tokens
    const response = await this.#ask(path, init, used?.access_token)
    if (!used || !isInvalidToken(response)) return response
    const failure = this.#tokens === used ? await this.#refresh() : undefined
    if (failure) return failure.clone()
    return this.#tokens ? this.#ask(path, init, this.#tokens.access_token) : response
  }

  /** @param {{ username: string, password: string }} credentials @returns {Promise<Response>} */
  login(credentials) {
    return this.#enter('/login', credentials)
  }

  /** For a new user, where SIGNUP is open. @param {{ username: string, password: string }} credentials @returns {Promise<Response>} */
  signUp(credentials) {
    return this.#enter('/signup', credentials)
  }

  /** @param {string} path @param {{ username: string, password: string }} credentials */
  #enter(path, credentials) {
    return this.#alone(async () => {
      const response = await this.#ask(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ ...credentials, cookie: !this.#store }),
      })
      if (response.ok) await this.#take(await response.clone().json())
      return response
    })
  }

  /**
   * Ends this session, the user's others, or all of them. The tokens are forgotten here even when
   * the Worker cannot be reached.
   * @param {'session' | 'others' | 'all'} [scope] @returns {Promise<Response>}
   */
  logout(scope = 'session') {
    return this.#alone(async () => {
      try {
        const path = `/logout?scope=${scope}`
        const response = await this.#askToRefresh(path)
        const token = this.#tokens?.access_token
        // A browser may have kept no cookie, as on plain http; the session is to end all the same.
        if (response.status !== 401 || isInvalidToken(response) || !token) return response
        return await this.#ask(path, { method: 'POST' }, token)
      } finally {
        if (scope !== 'others') await this.#end('logout')
      }
    })
  }

  /**
   * Gets new tokens, also after a reload; whether there is a login. Throws when the Worker cannot
   * say so now. @returns {Promise<boolean>}
   */
  async refresh() {
    const failure = await this.#refresh()
    if (failure) throw new Error(`/refresh answered ${failure.status}`, { cause: failure })
    return this.#tokens !== undefined
  }

  /** One refresh for all who ask meanwhile. Gives back the answer of a Worker that cannot do it now. */
  #refresh() {
    const before = this.#tokens
    const needed = () => this.#tokens === before && this.#mayResume
    const renew = () => this.#renew()
    this.#refreshing ??= (this.#tabs ? this.#tabs.once(renew, needed) : renew()).finally(
      () => (this.#refreshing = undefined),
    )
    return this.#refreshing
  }

  async #renew() {
    const before = this.#tokens
    const response = await this.#askToRefresh('/refresh')
    if (response.ok) await this.#take(await response.json())
    else if (response.status !== 401) return response
    else
      await this.#end((await response.json()).msg, before !== undefined || isInvalidToken(response))
    return undefined
  }

  /**
   * Lets a refresh come to its end first, in other tabs too, so that the last cookie is the newest.
   * @template T @param {() => Promise<T>} work @returns {Promise<T>}
   */
  async #alone(work) {
    await this.#refreshing?.catch(() => {}) // told to those who asked for it
    return this.#tabs ? this.#tabs.alone(work) : work()
  }

  /** @param {Tokens & { refresh_token?: string }} answer */
  async #take({ refresh_token: refreshToken, ...tokens }) {
    this.#hold(tokens)
    this.#tabs?.tell({ tokens })
    await this.#store?.save(refreshToken)
  }

  /** @param {string} reason @param {boolean} [known] */
  async #end(reason, known) {
    this.#forget(reason, known)
    this.#tabs?.tell({ reason })
    await this.#store?.save(undefined)
  }

  /** @param {Tokens} tokens */
  #hold(tokens) {
    this.#tokens = tokens
    this.#events.onTokens?.(tokens)
  }

  /** @param {string} reason @param {boolean} [known] whether anyone took it for a login */
  #forget(reason, known = this.#tokens !== undefined) {
    this.#tokens = undefined
    this.#mayResume = false
    if (known) this.#events.onSignedOut?.(reason)
  }

  /** With the refresh token: the store's, or the browser adds its cookie. @param {string} path */
  async #askToRefresh(path) {
    return this.#ask(path, { method: 'POST' }, await this.#store?.load())
  }

  /** @param {string | URL} path @param {RequestInit} [init] @param {string} [token] */
  async #ask(path, init = {}, token) {
    const url = new URL(path, this.#base)
    if (url.origin !== this.#base.origin) throw new TypeError('The token is for its own API alone')
    const headers = new Headers(init.headers)
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
    return this.#send(url, { ...init, headers })
  }
}

/** Whether the Worker has refused the token itself (RFC 6750 3.1): not a role, not a login too old. */
function isInvalidToken(/** @type {Response} */ { status, headers }) {
  const challenge = headers.get('WWW-Authenticate') ?? ''
  return status === 401 && challenge.includes('error="invalid_token"')
}

/** @returns {TokenStore} */
function keepInMemory() {
  /** @type {string | undefined} */
  let kept
  return { load: () => kept, save: (token) => void (kept = token) }
}
