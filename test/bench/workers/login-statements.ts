// Runs only the D1 statements of a login, to measure the share of the local database in its CPU time.

import { type Counter, countAttempt } from '../../../src/db/login-failures.ts'
import { insertSession } from '../../../src/db/sessions.ts'

const windowSeconds = 86_400
const counters = ['device', 'pair'].map((key): Counter => [key, 10, windowSeconds])
const place = { address: '203.0.113.7', country: 'NL' }
const attempt = { ...place, counters, device: 'device', username: 'cosmo' }

export default {
  async fetch(_request, { DB }) {
    const now = Math.floor(Date.now() / 1000)
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
