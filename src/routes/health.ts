// GET /health and GET /ready: whether the Worker is alive, and whether it can serve.

import { type Context, Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { argon2id } from '../auth/passwords/argon2.ts'
import { checkSchema } from '../db/schema-check.ts'
import { AppError } from '../errors.ts'
import { openIsolate } from '../isolate.ts'

/** Anyone may call /ready, so that each isolate reads the database once in this time. */
const CHECK_MS = 5000
const WAIT_MS = 20

/** The newest result of an isolate, and when its newest check has started. Times are Unix milliseconds. */
type Readiness = { startedAtMs: number; result?: { problem: AppError | undefined; atMs: number } }
const readiness = new WeakMap<Env, Readiness>()

export const health = new Hono<AppEnv>()
  .get('/health', (c) => c.json({ status: 'ok' }))
  .get('/ready', async (c) => {
    const nowMs = Date.now()
    const { problem, atMs } = await readReadiness(c, nowMs)
    c.header('Age', String(Math.max(0, Math.floor((nowMs - atMs) / 1000)))) // RFC 9111 5.1
    if (problem) throw problem
    return c.json({ status: 'ready' })
  })

async function readReadiness(c: Context<AppEnv>, nowMs: number) {
  const known = readiness.get(c.env) ?? { startedAtMs: -Infinity }
  readiness.set(c.env, known)
  if (Math.abs(nowMs - known.startedAtMs) >= CHECK_MS) {
    known.startedAtMs = nowMs
    const check = refresh(known, c.env, nowMs)
    c.executionCtx.waitUntil(check) // also when this client has left: others wait for it
    await check
  }
  // By timers, because Workers forbid awaiting I/O that another request started.
  for (let waitedMs = 0; !known.result && waitedMs < CHECK_MS; waitedMs += WAIT_MS)
    await scheduler.wait(WAIT_MS)
  return known.result ?? { problem: toProblem('database', 'no response yet'), atMs: nowMs }
}

async function refresh(known: Readiness, env: Env, atMs: number): Promise<void> {
  known.result = { problem: await findProblem(env), atMs }
}

async function findProblem(env: Env): Promise<AppError | undefined> {
  let name = 'settings'
  try {
    const { keyRing, dataRing, db } = openIsolate(env, argon2id)
    name = 'keys'
    await Promise.all([keyRing(), dataRing()])
    name = 'database'
    await checkSchema(db)
    return undefined
  } catch (error) {
    return toProblem(name, error instanceof Error ? error.message : '')
  }
}

const toProblem = (name: string, reason: string) =>
  new AppError('not_ready', { reason, error: `Not ready: ${name}` })
