// What one isolate keeps between requests: settings, database, keys, revoked sessions, verified tokens.

import { importKeyRing, type KeyRing } from './auth/keys/key-ring.ts'
import type { Argon2id } from './auth/passwords/hash.ts'
import { CLOCK_SKEW_SECONDS, RevokedSessions } from './auth/sessions/revoked-sessions.ts'
import type { AccessClaims } from './auth/tokens/claims.ts'
import { TokenCache } from './auth/tokens/token-cache.ts'
import { readSettings, type Settings } from './config.ts'
import { isRevoked, listRevoked } from './db/session-revocation.ts'

export type Isolate = {
  settings: Settings
  db: D1Database
  /** WebAssembly in the Worker, node:crypto on the command line. */
  argon2id: Argon2id
  revokedSessions: RevokedSessions
  /** Access tokens whose signature was valid under this isolate's keys. */
  tokenCache: TokenCache<AccessClaims>
  /** Imports the keys at first use. Throws `keys_invalid`. */
  keyRing: () => Promise<KeyRing>
  /** The keys that encrypt in the database: those of DATA_SECRET. Throws `keys_invalid`. */
  dataRing: () => Promise<KeyRing>
}

const isolates = new WeakMap<Env, Isolate>()

/** Returns the isolate of `env`, the same one for every request. Throws `settings_invalid`. */
export function openIsolate(env: Env, argon2id: Argon2id): Isolate {
  const open = isolates.get(env)
  if (open) return open
  const settings = readSettings(env)
  const { DB: db, ACCESS_TOKEN_SECONDS } = settings
  const revokedSessions = new RevokedSessions({
    list: (now, max) => listRevoked(db, now - ACCESS_TOKEN_SECONDS - CLOCK_SKEW_SECONDS, max),
    isRevoked: (token) => isRevoked(db, token),
  })
  let ring: KeyRing | undefined
  let data: KeyRing | undefined
  // Shares the result, never the promise: Workers forbid awaiting another request's I/O.
  const keyRing = async () => (ring ??= await importKeyRing(settings))
  const dataRing = async () => (data ??= await importKeyRing(settings, 'DATA_SECRET'))
  const tokenCache = new TokenCache<AccessClaims>()
  const isolate = { settings, db, argon2id, revokedSessions, tokenCache, keyRing, dataRing }
  isolates.set(env, isolate)
  return isolate
}
