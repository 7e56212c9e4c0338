// What an isolate knows of ended sessions: a set with a strict bound on its age.

/**
 * Reads the ids of the sessions that were ended lately. `*` and a time (unix seconds) stand for all
 * that had begun by then.
 */
export type ReadRevoked = () => Promise<string[]>

/**
 * The sessions that were ended within the last lifetime of an access token. Reading is the only
 * thing that is ever awaited, and never one that another request began: Workers refuse that.
 * Times are unix milliseconds.
 */
export class RevocationFeed {
  #revoked = new Set<string>()
  /** Unix seconds: whatever began by then has ended. */
  #allUntil = 0
  #readAt = -Infinity
  #triedAt = -Infinity
  #reads = 0
  #newest = 0
  /** What this isolate ended itself, and how many reads had begun by then: those may not know. */
  #noted: { id: string; reads: number }[] = []

  /** Makes the end of sessions known to this isolate at once. */
  note(ids: string[]): void {
    for (const id of ids) {
      this.#revoked.add(id)
      this.#noted.push({ id, reads: this.#reads })
    }
  }

  /**
   * Whether a session has ended, as of at most `maxAge` ago; `startedAt` is in unix seconds. From half
   * that age the set is read again in the background; past it, this waits for a read of its own, and
   * fails when that fails.
   */
  async includes(
    { id, startedAt }: { id: string; startedAt: number },
    { now, maxAge }: { now: number; maxAge: number },
    read: ReadRevoked,
    inBackground: (work: Promise<void>) => void,
  ): Promise<boolean> {
    const age = now - this.#readAt
    if (age >= maxAge || age < 0) {
      await this.#update(read, now)
    } else if (age >= maxAge / 2 && now - this.#triedAt >= maxAge / 2) {
      this.#triedAt = now
      // A failure is left to the first request past the bound: that one reads again and reports it.
      inBackground(this.#update(read, now).catch(() => {}))
    }
    return startedAt <= this.#allUntil || this.#revoked.has(id)
  }

  async #update(read: ReadRevoked, now: number): Promise<void> {
    this.#reads += 1
    const number = this.#reads
    const revoked = new Set(await read())
    if (number < this.#newest) return // one that began later was faster
    this.#newest = number
    this.#noted = this.#noted.filter(({ reads }) => reads >= number)
    for (const { id } of this.#noted) revoked.add(id)
    this.#revoked = revoked
    for (const id of revoked)
      if (id.startsWith('*')) this.#allUntil = Math.max(this.#allUntil, Number(id.slice(1)))
    this.#readAt = now
  }
}
