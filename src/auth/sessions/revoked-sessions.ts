// The revoked sessions that an isolate knows: a list with a strict bound on its age.

import type { RevokedList } from '../../db/session-revocation.ts'

/**
 * How long a revoked session stays in the list beyond the lifetime of an access token: for the
 * tolerance of times, and for clocks of other isolates.
 */
export const CLOCK_SKEW_SECONDS = 60

type Age = { nowMs: number; maxAgeSeconds: number }

/**
 * The sessions revoked within the last lifetime of an access token. Only reads of the own request are
 * awaited: Workers forbid awaiting I/O that another request started.
 */
export class RevokedSessions {
  #ids = new Set<string>()
  /** Unix seconds: every session that had started by then is revoked. */
  #revokedBefore = 0
  #readAtMs = -Infinity
  #attemptedAtMs = -Infinity
  #reads = 0
  #newestRead = 0
  /** What this isolate revoked itself, with the number of reads started by then: those may miss it. */
  #own: { id: string; reads: number }[] = []
  readonly #read: (now: number) => Promise<RevokedList>

  constructor(read: (now: number) => Promise<RevokedList>) {
    this.#read = read
  }

  /** Makes revoked sessions known to this isolate at once. */
  add(ids: string[]): void {
    for (const id of ids) {
      this.#ids.add(id)
      this.#own.push({ id, reads: this.#reads })
    }
  }

  /**
   * Whether a session is revoked, as of at most `maxAgeSeconds` ago. From half that age the list is read
   * again in the background; at that age this waits for a read of its own. Throws `database_failed`.
   */
  has(
    session: { sid: string; auth_time: number },
    { nowMs, maxAgeSeconds }: Age,
    waitUntil: (work: Promise<void>) => void,
  ): boolean | Promise<boolean> {
    const ageMs = nowMs - this.#readAtMs
    const maxAgeMs = maxAgeSeconds * 1000
    if (ageMs >= maxAgeMs || ageMs < 0)
      return this.#update(nowMs).then(() => this.#contains(session))
    if (ageMs >= maxAgeMs / 2 && nowMs - this.#attemptedAtMs >= maxAgeMs / 2) {
      this.#attemptedAtMs = nowMs
      // A failure is left to the first request past the bound, which reads again and reports it.
      waitUntil(this.#update(nowMs).catch(() => {}))
    }
    return this.#contains(session)
  }

  #contains({ sid, auth_time }: { sid: string; auth_time: number }): boolean {
    return auth_time <= this.#revokedBefore || this.#ids.has(sid)
  }

  async #update(nowMs: number): Promise<void> {
    this.#reads += 1
    const number = this.#reads
    const { ids, revokedBefore } = await this.#read(Math.floor(nowMs / 1000))
    if (number < this.#newestRead) return // a read that started later was faster
    this.#newestRead = number
    this.#own = this.#own.filter(({ reads }) => reads >= number)
    this.#ids = new Set([...ids, ...this.#own.map(({ id }) => id)])
    this.#revokedBefore = Math.max(this.#revokedBefore, revokedBefore)
    this.#readAtMs = nowMs
  }
}
