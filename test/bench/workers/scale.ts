// Latchkey in many isolates with one database, by a clock that is moved. POST / simulates a few seconds, and counts.

import { sign } from 'hono/jwt'

import { importKey } from '../../../src/auth/keys/key-ring.ts'
import worker from '../../../src/index.ts'
import { countCalls } from './counting.ts'

/** What happens in each of the `seconds`. `revoked` sessions were revoked before, evenly over the last 16 minutes. */
export type Scenario = {
  isolates: number
  guarded: number
  logouts: number
  refreshes: number
  revoked: number
  seconds: number
  vars: Record<string, string>
}
export type Outcome = {
  statements: number
  read: number
  written: number
  listed: number
  statuses: Record<string, number>
}

const SESSIONS = 100_000
const STEP_MS = 500
const WINDOW_SECONDS = 960
const START_MS = 1_900_000_000_000
let nowMs = START_MS
Date.now = () => nowMs

/** Replaces all sessions: those that are in use, and those that were revoked before. */
async function fillSessions(db: D1Database, { revoked, vars }: Scenario): Promise<void> {
  const now = Math.floor(nowMs / 1000)
  const window = Number(vars.ACCESS_TOKEN_SECONDS ?? 900) + 60
  const insert = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
    INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, revoked_at,
      user_agent, country)
    SELECT ?2 || i, 1, ?3, ?3, 9000000000, iif(?4, CAST(?3 - i % ?4 AS INTEGER), NULL), '', ''
    FROM n WHERE ?1 > 0`
  // More sessions than one user may have would be revoked by a login, and nobody logs in here.
  await db.batch([
    db.prepare('DELETE FROM sessions'),
    db.prepare('DELETE FROM users'),
    db.prepare(`INSERT INTO users (id, username, folded, password_hash, roles, created_at)
      VALUES (1, 'cosmo', 'cosmo', '', '[]', 1)`),
    db.prepare(insert).bind(SESSIONS, 'session-', now, 0),
    db.prepare(insert).bind(Math.floor((revoked * window) / WINDOW_SECONDS), 'old-', now, window),
  ])
}

async function simulate(env: Env, scenario: Scenario): Promise<Outcome> {
  const { isolates, guarded, logouts, refreshes, seconds, vars } = scenario
  const { signing } = await importKey(env.JWT_SECRET)
  nowMs += 3_600_000
  await fillSessions(env.DB, scenario)
  const counts = { statements: 0, trips: 0, read: 0, written: 0 }
  const limited = { limit: async () => ({ success: true }) }
  const environments = Array.from({ length: isolates }, (): Env => {
    return { ...env, ...vars, REFRESH_LIMITER: limited, DB: countCalls(env.DB, counts) }
  })
  const statuses: Record<string, number> = {}
  const works: Promise<unknown>[] = []
  const context = { waitUntil: (work: Promise<unknown>) => works.push(work) }
  let [sent, ended] = [0, 0]
  const send = async (isolate: number, sid: string, [method, path]: [string, string]) => {
    const now = Math.floor(nowMs / 1000)
    const isRefresh = path === '/refresh'
    const claims = {
      iss: 'latchkey',
      aud: isRefresh ? 'latchkey/refresh' : 'latchkey',
      sub: 'cosmo',
      sid,
      auth_time: now,
      type: isRefresh ? 'refresh' : 'access',
      jti: isRefresh ? `${sid}.0` : sid,
      roles: [],
      iat: now,
      exp: now + 60,
    }
    const token = await sign(claims, signing)
    const request = new Request(`https://latchkey.test${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'CF-Connecting-IP': '203.0.113.9' },
    })
    const at = environments[isolate % isolates] ?? env
    const { status } = await worker.fetch(request, at, context as unknown as ExecutionContext)
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  const step = async () => {
    nowMs += STEP_MS
    const perStep = (rate: number) => Math.round((rate * STEP_MS) / 1000)
    for (let count = 0; count < perStep(guarded); count += 1) {
      sent += 1
      await send(sent, `session-${1 + (sent % (SESSIONS / 2))}`, ['GET', '/protected'])
    }
    for (let count = 0; count < perStep(logouts); count += 1)
      await send((ended += 1), `session-${SESSIONS - ended}`, ['POST', '/logout'])
    for (let count = 0; count < perStep(refreshes); count += 1)
      await send((ended += 1), `session-${SESSIONS - ended}`, ['POST', '/refresh'])
    await Promise.all(works.splice(0))
  }
  // Every isolate reads the list for the first time: that is not counted.
  for (let isolate = 0; isolate < isolates; isolate += 1)
    await send(isolate, 'session-1', ['GET', '/protected'])
  const first = { ...counts }
  for (const status of Object.keys(statuses)) delete statuses[status]
  for (let at = 0; at < seconds * 1000; at += STEP_MS) await step()
  const listed = await env.DB.prepare(
    'SELECT count(*) AS n FROM sessions WHERE revoked_at > 0',
  ).first<number>('n')
  return {
    statements: (counts.statements - first.statements) / seconds,
    read: (counts.read - first.read) / seconds,
    written: (counts.written - first.written) / seconds,
    listed: listed ?? 0,
    statuses,
  }
}

export default {
  async fetch(request, env) {
    return Response.json(await simulate(env, await request.json<Scenario>()))
  },
} satisfies ExportedHandler<Env>
