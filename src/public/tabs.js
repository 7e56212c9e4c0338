// Coordinates the tabs of a browser, which share one cookie: locks, and messages about the session.
// @ts-check

/** @typedef {import('./session.js').Tokens} Tokens */
/**
 * New tokens, or why there are none.
 * @typedef {{ tokens?: Tokens, reason?: string, sentAt?: number }} TabMessage
 */
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
  /** When the login last changed, here or in another tab, in milliseconds. */
  #changedAt = 0

  /** @param {string} name @param {(message: TabMessage) => void} onMessage */
  constructor(name, onMessage) {
    const { navigator, BroadcastChannel } = /** @type {Browser} */ (globalThis)
    this.#name = name
    if (!navigator?.locks || !BroadcastChannel) return
    this.#locks = navigator.locks
    this.#channel = new BroadcastChannel(name)
    this.#channel.addEventListener('message', ({ data: message }) => {
      const { sentAt = this.#changedAt } = message
      // A message that arrives after a later change is out of date: another user may be logged in here.
      if (sentAt < this.#changedAt) return
      this.#changedAt = sentAt
      onMessage(message)
      this.#onNextMessage()
    })
  }

  /** Tells the other tabs of a change, while this tab has the lock. @param {TabMessage} message */
  broadcast(message) {
    this.#changedAt = Math.max(Date.now(), this.#changedAt + 1)
    this.#channel?.postMessage({ ...message, sentAt: this.#changedAt })
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
