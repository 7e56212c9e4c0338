// What this Worker has asked Latchkey: tokens by their exact text, and the revoked sessions.

import { waitUntil } from 'cloudflare:workers'

import { CLOCK_SKEW_SECONDS, RevokedSessions } from '../../auth/sessions/revoked-sessions.ts'
import { TokenCache } from '../../auth/tokens/token-cache.ts'
import type { AccessClaims, CachePolicy, Latchkey, Refusal } from '../../rpc/contract.ts'
import { REFUSALS } from './refusals.ts'

const TIMEOUT_MS = 5000
const UNREACHABLE: Refusal = {
  status: 503,
  headers: { 'X-Error-Code': 'latchkey_unreachable', 'Retry-After': '5' },
  body: { error: 'Service unavailable' },
}

/** A request that Latchkey refuses, or that it cannot be asked about. */
export class Refused extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(`Latchkey refuses with ${refusal.status}`)
    this.refusal = refusal
  }
}

const authorities = new WeakMap<object, Authority>()
/** Asking it fails like asking any other binding that is not Latchkey. */
const NOT_BOUND = {}

/** Returns what this isolate keeps of the Latchkey behind a binding. */
export function openAuthority(binding: object = NOT_BOUND): Authority {
  const open = authorities.get(binding) ?? new Authority(binding as Latchkey)
  authorities.set(binding, open)
  return open
}

class Authority {
  #policy: CachePolicy | undefined
  #tokens = new TokenCache<AccessClaims>()
  #keepsFromMs = 0
  readonly #latchkey: Latchkey
  readonly #revoked: RevokedSessions

  constructor(latchkey: Latchkey) {
    this.#latchkey = latchkey
    this.#revoked = new RevokedSessions({
      list: async (now) => {
        const since = now - (this.#policy?.ACCESS_TOKEN_SECONDS ?? now) - CLOCK_SKEW_SECONDS
        const list = await ask('ids', () => latchkey.revoked(since))
        this.#adopt(list.policy)
        // The list is too long to be sent: for a minute each token is asked about.
        if (list.policy.REVOCATION_SECONDS === 0) this.#keepsFromMs = Date.now() + 60_000
        return { ...list, isComplete: true }
      },
      isRevoked: async () => true,
    })
  }

  /** Returns the claims of a token that meets the options. Throws Refused. */
  async check(token: string, options: object): Promise<AccessClaims> {
    const isPlain = Object.keys(options).length === 0
    const kept = isPlain && (await this.#findKept(token))
    if (kept) return kept
    const { user, policy } = await ask('user', () => this.#latchkey.verify(token, options))
    this.#adopt(policy)
    const keeps = policy.REVOCATION_SECONDS > 0 && Date.now() >= this.#keepsFromMs
    if (isPlain && keeps) this.#tokens.add(token, freeze(user))
    return user
  }

  /** Returns the claims of a token that Latchkey has accepted, unless it may have changed its mind. */
  async #findKept(token: string): Promise<AccessClaims | undefined> {
    const user = this.#tokens.get(token)
    if (!user || !this.#policy) return undefined
    const nowMs = Date.now()
    const { ACCESS_TOKEN_SECONDS, REVOCATION_SECONDS: maxAgeSeconds } = this.#policy
    if (nowMs >= Math.min(user.exp, user.iat + ACCESS_TOKEN_SECONDS) * 1000) return undefined
    if (await this.#revoked.has(user, { nowMs, maxAgeSeconds }, waitUntil))
      throw new Refused(REFUSALS.token_revoked)
    return this.#tokens.get(token) // gone, if the list came with another revision
  }

  /** Drops all tokens when Latchkey's keys or settings have changed, and when nothing may be kept. */
  #adopt(policy: CachePolicy): void {
    const isSame = policy.revision === this.#policy?.revision && policy.REVOCATION_SECONDS > 0
    if (!isSame) this.#tokens = new TokenCache()
    this.#policy = policy
  }
}

/** Later requests get the same claims. */
function freeze(user: AccessClaims): AccessClaims {
  for (const value of Object.values(user)) Object.freeze(value)
  return Object.freeze(user)
}

/** Returns an answer with a value of this name. Throws Refused: what Latchkey says, or 503 when it says nothing. */
async function ask<Answer extends { policy: CachePolicy; refusal?: undefined }>(
  name: keyof Answer & string,
  call: () => Promise<Answer | { refusal: Refusal }>,
): Promise<Answer> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no response in ${TIMEOUT_MS} ms`)), TIMEOUT_MS)
  })
  try {
    const answer = await Promise.race([call(), timeout])
    if (answer.refusal) throw new Refused(answer.refusal)
    if (answer[name] && answer.policy) return answer
    throw new Error('another Worker responds')
  } catch (error) {
    if (error instanceof Refused) throw error
    const reason = error instanceof Error ? error.message : 'unknown error'
    console.error(`Latchkey is unreachable: ${reason}. See [[services]] in wrangler.toml.`)
    throw new Refused(UNREACHABLE)
  } finally {
    clearTimeout(timer)
  }
}
