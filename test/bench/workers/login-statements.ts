// Runs only what a login asks of the platform: the share of the local D1 and the local rate limiter in its CPU time.

import { type Counter, countAttempt } from '../../../src/db/login-failures.ts'
import { insertSession } from '../../../src/db/sessions.ts'

/** As in test/bench/login.ts: one user may log in only 100 times in 15 minutes. */
const USERS = 8
const windowSeconds = 86_400
const counters = ['device', 'pair'].map((key): Counter => [key, 10, windowSeconds])
const place = { address: '203.0.113.7', country: 'NL' }
let logins = 0

export default {
  async fetch(_request, { DB, LOGIN_LIMITER }) {
    const now = Math.floor(Date.now() / 1000)
    logins += 1
    await LOGIN_LIMITER.limit({ key: place.address })
    const username = `cosmo${logins % USERS}`
    const attempt = { ...place, counters, device: 'device', username }
    const counted = await countAttempt(DB, attempt, now)
    if (!('user' in counted) || !counted.user) return new Response('no user', { status: 500 })
    const session = {
      id: crypto.randomUUID(),
      idleSeconds: 900,
      maxSeconds: 900,
      logId: 'Zm9vYmFyYmF6cXV4',
      userAgent: '',
      ...place,
      maxSessions: 20,
    }
    const login = { user: counted.user, session, clear: counted.counters }
    return Response.json(await insertSession(DB, login, now))
  },
} satisfies ExportedHandler<Env>
