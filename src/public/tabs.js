// Coordinates the tabs of a browser, which share one cookie: locks, and messages about the session.
// @ts-check

/** @typedef {import('./session.js').Tokens} Tokens */
/** @typedef {{ tokens?: Tokens, reason?: string }} TabMessage */
/**
 * What browsers have and other runtimes may lack.
 * @typedef {object} Browser
 * @property {{ locks?: { request: <T>(name: string, options: { ifAvailable?: boolean }, work: (lock: unknown) => Promise<T>) => Promise<T> } }} [navigator]
 * @property {new (name: string) => { postMessage: (message: TabMessage) => void, addEventListener: (type: 'message', listener: (event: { data: TabMessage }) => void) => void }} [BroadcastChannel]
 */
/** Messages may arrive after the lock is released: how long a tab waits for one. */
const MESSAGE_TIMEOUT_MS = 250

export class Tabs {
  #name
  #locks
  #channel
  #onNextMessage = () => {}

  /** @param {string} name @param {(message: TabMessage) => void} onMessage */
  constructor(name, onMessage) {
    const { navigator, BroadcastChannel } = /** @type {Browser} */ (globalThis)
    this.#name = name
    if (!navigator?.locks || !BroadcastChannel) return
    this.#locks = navigator.locks
    this.#channel = new BroadcastChannel(name)
    this.#channel.addEventListener('message', ({ data: message }) => {
      onMessage(message)
      this.#onNextMessage()
    })
  }

  /** @param {TabMessage} message */
  broadcast(message) {
    this.#channel?.postMessage(message)
  }

  /** Runs `work` in one tab at a time. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  async withLock(work) {
    return this.#locks ? this.#locks.request(this.#name, {}, work) : work()
  }

  /**
   * Runs `work` in one tab for all of them. A tab that had to wait for the lock runs it only if it
   * is still `needed` after the message of the previous tab.
   * @template T @param {() => Promise<T>} work @param {() => boolean} needed @returns {Promise<T | undefined>}
   */
  async runOnce(work, needed) {
    const message = new Promise((resolve) => (this.#onNextMessage = () => resolve(undefined)))
    const runAfterOthers = () =>
      this.withLock(async () => {
        await Promise.race([
          message,
          new Promise((resolve) => setTimeout(resolve, MESSAGE_TIMEOUT_MS)),
        ])
        return needed() ? work() : undefined
      })
    if (!this.#locks) return work()
    return this.#locks.request(this.#name, { ifAvailable: true }, (lock) =>
      lock ? work() : runAfterOthers(),
    )
  }
}
