// The tabs of a browser share one cookie: so they take turns, and tell each other what came of it.
// @ts-check

/** @typedef {import('./session.js').Tokens} Tokens */
/** @typedef {{ tokens?: Tokens, reason?: string }} News */
/**
 * What browsers have and other runtimes may lack.
 * @typedef {object} Browser
 * @property {{ locks?: { request: <T>(name: string, options: { ifAvailable?: boolean }, work: (lock: unknown) => Promise<T>) => Promise<T> } }} [navigator]
 * @property {new (name: string) => { postMessage: (news: News) => void, addEventListener: (type: 'message', listener: (event: { data: News }) => void) => void }} [BroadcastChannel]
 */
/** How long a tab that has waited for another waits for its news, which may come after its turn. */
const NEWS_MS = 250

export class Tabs {
  #name
  #locks
  #channel
  #newsCame = () => {}

  /** @param {string} name @param {(news: News) => void} onNews */
  constructor(name, onNews) {
    const { navigator, BroadcastChannel } = /** @type {Browser} */ (globalThis)
    this.#name = name
    if (!navigator?.locks || !BroadcastChannel) return
    this.#locks = navigator.locks
    this.#channel = new BroadcastChannel(name)
    this.#channel.addEventListener('message', ({ data: news }) => {
      onNews(news)
      this.#newsCame()
    })
  }

  /** @param {News} news */
  tell(news) {
    this.#channel?.postMessage(news)
  }

  /** Runs `work` while no other tab is at its own. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  async alone(work) {
    return this.#locks ? this.#locks.request(this.#name, {}, work) : work()
  }

  /**
   * The same for what one tab does for all: who had to wait does it only if it is still `needed`
   * after the news of the tab before.
   * @template T @param {() => Promise<T>} work @param {() => boolean} needed @returns {Promise<T | undefined>}
   */
  async once(work, needed) {
    const news = new Promise((resolve) => (this.#newsCame = () => resolve(undefined)))
    const inTurn = () =>
      this.alone(async () => {
        await Promise.race([news, new Promise((resolve) => setTimeout(resolve, NEWS_MS))])
        return needed() ? work() : undefined
      })
    if (!this.#locks) return work()
    return this.#locks.request(this.#name, { ifAvailable: true }, (lock) =>
      lock ? work() : inTurn(),
    )
  }
}
