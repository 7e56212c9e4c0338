// What a log-in asks of D1, and nothing else: the share of the local database in its CPU.

import { countTry, takeBackTry } from '../../../src/db/login-failures.ts'
import { insertSession } from '../../../src/db/sessions.ts'

const counters = { pair: 'pair', name: 'name' }
const limits = { pairMax: 10, nameMax: 100, windowSeconds: 900 }

export default {
  async fetch(_request, { DB }) {
    const now = Math.floor(Date.now() / 1000)
    const counted = await countTry(DB, counters, 'cosmo', limits, now)
    if (!('user' in counted) || !counted.user) return new Response('no user', { status: 500 })
    const session = {
      id: crypto.randomUUID(),
      userAgent: '',
      country: '',
      createdAt: now,
      expiresAt: now + 900,
    }
    const takeBack = takeBackTry(DB, counters)
    return Response.json(await insertSession(DB, counted.user, session, 20, takeBack))
  },
} satisfies ExportedHandler<Env>
