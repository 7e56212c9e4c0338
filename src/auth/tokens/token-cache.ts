// The access tokens whose signature an isolate has verified: it need not be verified again.

/** Tokens kept at most. One takes up to three times its length: below 16 of an isolate's 128 MiB. */
const MAX_TOKENS = 4096
/** Longer tokens, of users with very many roles, are verified each time. */
const MAX_LENGTH = 1024

/** The end of a signature, which is not equal in two tokens by chance. On a hit all of the token is compared. */
const KEY_LENGTH = 24

/** Two generations: when the newer one fills up, the older one is dropped, with everything not used since. */
export class TokenCache<Claims> {
  #newer = new Map<string, { token: string; claims: Claims }>()
  #older = this.#newer

  get(token: string): Claims | undefined {
    const key = token.slice(-KEY_LENGTH)
    const newer = this.#newer.get(key)
    if (newer?.token === token) return newer.claims
    const older = this.#older.get(key)
    if (older?.token !== token) return undefined
    this.add(token, older.claims)
    return older.claims
  }

  add(token: string, claims: Claims): void {
    if (token.length > MAX_LENGTH) return
    if (this.#newer.size >= MAX_TOKENS / 2) {
      this.#older = this.#newer
      this.#newer = new Map()
    }
    this.#newer.set(token.slice(-KEY_LENGTH), { token, claims })
  }
}
