// The tokens that an isolate has verified: what is known need not be verified again.

/** Tokens kept at most; one takes up to three times its length: below 16 MiB of an isolate's 128. */
export const MAX_TOKENS = 4096
/** A longer token, of a user with very many roles, is verified each time. */
export const MAX_LENGTH = 1024

/**
 * What was found in tokens, by their exact text: a token with one other character is another. In two
 * halves: when the newer is full, the older goes, and with it what was not asked for meanwhile.
 */
export class VerifiedTokens<Found> {
  #newer = new Map<string, Found>()
  #older = new Map<string, Found>()

  get(token: string): Found | undefined {
    const found = this.#newer.get(token)
    if (found) return found
    const aging = this.#older.get(token)
    if (aging) this.add(token, aging)
    return aging
  }

  add(token: string, found: Found): void {
    if (token.length > MAX_LENGTH) return
    if (this.#newer.size >= MAX_TOKENS / 2) {
      this.#older = this.#newer
      this.#newer = new Map()
    }
    this.#newer.set(token, found)
  }
}
