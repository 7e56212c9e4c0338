// The guard of other Workers, which bind the entrypoint `Guard` as a service.

import { WorkerEntrypoint } from 'cloudflare:workers'
import { Hono } from 'hono'

import { argon2id } from '../auth/passwords/argon2.ts'
import { MAX_REVOKED } from '../auth/sessions/revoked-sessions.ts'
import { verifyToken } from '../auth/tokens/verify.ts'
import { listRevoked } from '../db/session-revocation.ts'
import { AppError } from '../errors.ts'
import { onError } from '../http/error-response.ts'
import { type Isolate, openIsolate } from '../isolate.ts'
import { type GuardOptions, validateOptions } from '../middleware/jwt-options.ts'
import { requireOptions } from '../middleware/jwt.ts'
import type { Latchkey, Refusal, Revoked, Verdict } from './contract.ts'

/** Every Worker with the binding can call all of its methods; nobody can over HTTP. */
export class Guard extends WorkerEntrypoint<Env> implements Latchkey {
  /** Decides as `jwtRequired(options)` does. Throws a TypeError for options of a newer version. */
  async verify(token: string, options: GuardOptions): Promise<Verdict> {
    validateOptions(options)
    const nowMs = Date.now()
    const now = Math.floor(nowMs / 1000)
    const waitUntil = (work: Promise<void>) => this.ctx.waitUntil(work)
    return respond(this.env, async (isolate) => {
      const user = await verifyToken(isolate, token, now)
      // Refresh tokens are for Latchkey alone (RFC 6749 1.5).
      if (user.type !== 'access') throw new AppError('token_not_access')
      await requireOptions({ isolate, now, nowMs, waitUntil }, { token, user }, options)
      return { user }
    })
  }

  /** Returns the sessions revoked at `since` (Unix seconds) or later; if they are too many, nothing may be kept. */
  async revoked(since: number): Promise<Revoked> {
    return respond(this.env, async ({ db, settings: { ACCESS_TOKEN_SECONDS } }) => {
      const { isComplete, ...list } = await listRevoked(db, since, MAX_REVOKED)
      const nothing = { revision: '', ACCESS_TOKEN_SECONDS, REVOCATION_SECONDS: 0 }
      return isComplete ? list : { ...list, ids: [], policy: nothing }
    })
  }
}

const refusals = new Hono<{ Bindings: { error: Error } }>()
  .onError(onError)
  .get('/Guard', (c) => Promise.reject(c.env.error))

/** Adds what the caller may keep. Anything thrown is logged, and returned as it is sent over HTTP. */
async function respond<Result>(env: Env, work: (isolate: Isolate) => Promise<Result>) {
  try {
    const isolate = openIsolate(env, argon2id)
    const { ACCESS_TOKEN_SECONDS, REVOCATION_SECONDS, ...others } = isolate.settings
    const { byKid } = await isolate.keyRing() // without keys nothing can be verified: 503, not 401
    const ofTokens = [others.JWT_ISSUER, others.JWT_AUDIENCE, ACCESS_TOKEN_SECONDS, others.MFA]
    const revision = [...byKid.keys(), ...ofTokens].join(' ')
    const policy = { revision, ACCESS_TOKEN_SECONDS, REVOCATION_SECONDS }
    return { policy, ...(await work(isolate)) }
  } catch (error) {
    const response = await refusals.request('https://latchkey/Guard', {}, { error })
    const refusal = { status: response.status, headers: Object.fromEntries(response.headers) }
    return { refusal: { ...refusal, body: (await response.json()) as Refusal['body'] } }
  }
}
