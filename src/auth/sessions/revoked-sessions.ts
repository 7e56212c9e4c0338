// The revoked sessions that an isolate knows: a list with a strict bound on its age.

import type { RevokedList } from '../../db/session-revocation.ts'

/** How long a revoked session is listed beyond the lifetime of an access token, because clocks differ. */
export const CLOCK_SKEW_SECONDS = 60

/** Ids that are read and kept at most. */
export const MAX_REVOKED = 4000
/** How often an incomplete list is read again. Until then each session is looked up. */
const INCOMPLETE_SECONDS = 60

type Age = { nowMs: number; maxAgeSeconds: number }
type Token = { sid: string; auth_time: number }
type Source = {
  list: (now: number, max: number) => Promise<RevokedList>
  isRevoked: (token: Token) => Promise<boolean>
}

/**
 * The sessions revoked within the last lifetime of an access token. Only reads of the own request are
 * awaited: Workers forbid awaiting I/O that another request started.
 */
export class RevokedSessions {
  #ids = new Set<string>()
  /** Unix seconds: every session that had started by then is revoked. */
  #revokedBefore = 0
  #isComplete = true
  #readAtMs = -Infinity
  #attemptedAtMs = -Infinity
  #reads = 0
  #newestRead = 0
  /** What this isolate revoked itself, with the number of reads started by then: those may miss it. */
  #own: { id: string; reads: number }[] = []
  /** When sessions were looked up and not revoked, while the list is incomplete. */
  #lookedUp = new Map<string, number>()
  readonly #source: Source

  constructor(source: Source) {
    this.#source = source
  }

  /** Makes revoked sessions known to this isolate at once. */
  add(ids: string[]): void {
    if (ids.length > 0) this.#lookedUp = new Map() // also for those under way
    for (const id of ids) {
      this.#ids.add(id)
      this.#own.push({ id, reads: this.#reads })
    }
    if (this.#own.length <= MAX_REVOKED && this.#ids.size <= MAX_REVOKED) return
    this.#ids = new Set()
    this.#own = []
    this.#isComplete = false
    this.#newestRead = this.#reads + 1 // those under way may miss what is lost here
  }

  /**
   * Whether a session is revoked, as of at most `maxAgeSeconds` ago. From half that age the list is read
   * again in the background; at that age this waits for a read of its own. A session that an incomplete list
   * does not contain is looked up. Throws `database_failed`.
   */
  has(
    token: Token,
    age: Age,
    waitUntil: (work: Promise<void>) => void,
  ): boolean | Promise<boolean> {
    const { nowMs, maxAgeSeconds } = age
    const ageMs = nowMs - this.#readAtMs
    const maxAgeMs = (this.#isComplete ? maxAgeSeconds : INCOMPLETE_SECONDS) * 1000
    if (ageMs >= maxAgeMs || ageMs < 0)
      return this.#update(nowMs).then(() => this.#contains(token, age))
    if (ageMs >= maxAgeMs / 2 && nowMs - this.#attemptedAtMs >= maxAgeMs / 2) {
      this.#attemptedAtMs = nowMs
      // A failure is left to the first request past the bound, which reads again and reports it.
      waitUntil(this.#update(nowMs).catch(() => {}))
    }
    return this.#contains(token, age)
  }

  #contains(token: Token, age: Age): boolean | Promise<boolean> {
    if (token.auth_time <= this.#revokedBefore || this.#ids.has(token.sid)) return true
    return this.#isComplete ? false : this.#lookUp(token, age)
  }

  async #lookUp(token: Token, { nowMs, maxAgeSeconds }: Age): Promise<boolean> {
    const lookedUp = this.#lookedUp
    const ageMs = nowMs - (lookedUp.get(token.sid) ?? -Infinity)
    if (ageMs >= 0 && ageMs < maxAgeSeconds * 1000) return false
    if (await this.#source.isRevoked(token)) return true
    if (lookedUp.size >= MAX_REVOKED) lookedUp.clear()
    lookedUp.set(token.sid, nowMs)
    return false
  }

  async #update(nowMs: number): Promise<void> {
    this.#reads += 1
    const number = this.#reads
    const list = await this.#source.list(Math.floor(nowMs / 1000), MAX_REVOKED)
    if (number < this.#newestRead) return // a read that started later was faster
    this.#newestRead = number
    this.#own = this.#own.filter(({ reads }) => reads >= number)
    const own = this.#own.map(({ id }) => id)
    this.#ids = new Set([...list.ids, ...own])
    this.#isComplete = list.isComplete && this.#ids.size <= MAX_REVOKED
    if (!this.#isComplete) this.#ids = new Set(own)
    this.#revokedBefore = Math.max(this.#revokedBefore, list.revokedBefore)
    this.#readAtMs = nowMs
  }
}
