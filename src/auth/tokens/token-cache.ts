// The access tokens whose signature an isolate has verified: it need not be verified again.

/** Tokens kept at most. One takes up to three times its length: below 16 of an isolate's 128 MiB. */
const MAX_TOKENS = 4096
/** Longer tokens, of users with very many roles, are verified each time. */
const MAX_LENGTH = 1024

/**
 * Keyed by the exact token. Two generations: when the newer one fills up, the older one is dropped,
 * with everything not used since.
 */
export class TokenCache<Claims> {
  #newer = new Map<string, Claims>()
  #older = new Map<string, Claims>()

  get(token: string): Claims | undefined {
    const claims = this.#newer.get(token)
    if (claims) return claims
    const aging = this.#older.get(token)
    if (aging) this.add(token, aging)
    return aging
  }

  add(token: string, claims: Claims): void {
    if (token.length > MAX_LENGTH) return
    if (this.#newer.size >= MAX_TOKENS / 2) {
      this.#older = this.#newer
      this.#newer = new Map()
    }
    this.#newer.set(token, claims)
  }
}
