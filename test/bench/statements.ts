// Counts the D1 statements of each operation, and the bytes that a session uses in D1.

import { setTimeout as sleep } from 'node:timers/promises'

import { startHost } from '../load/host.ts'
import { addUser, COSMO } from './login.ts'
import { type Builds, median, mintTokens, type Report, SECRET } from './setting.ts'

/** Statements, round trips, rows read and rows written of one operation, including indexes. */
export type StatementRow = {
  name: string
  statements: number
  trips: number
  read: number
  written: number
}
export type StatementResult = {
  rows: StatementRow[]
  /** Milliseconds of the clean-up in the last row. */
  cleanUpMs: number
  bytesPerSession: number
  revoked: RevokedResult
}

/**
 * Guarded requests of sessions whose status an isolate does not know, while the list of revoked sessions is short and
 * while it is too long to read: medians in milliseconds, and rows that one request reads.
 */
export type RevokedResult = { usual: number; first: number; repeated: number; rows: number }

const GUARDED = 1000
const READY = 200
const REVOKED = 800_000

export async function measureStatements(
  { counted }: Builds,
  report: Report,
): Promise<StatementResult> {
  report('D1 statements of each operation')
  const host = await startHost(counted, { latchkey: { JWT_SECRET: SECRET, DATA_SECRET: SECRET } })
  await addUser(host.db)
  const send = async (path: string, token = '', body = '') => {
    const response = await fetch(new URL(path, host.urls.latchkey), {
      method: ['/protected', '/ready', '/__counts'].includes(path) ? 'GET' : 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body && { body }),
    })
    if (response.status !== 200) throw new Error(`${path}: unexpected status ${response.status}`)
    return (await response.json()) as Record<string, never>
  }
  const count = async (name: string, work: () => Promise<unknown>): Promise<StatementRow> => {
    const before = await send('/__counts')
    await work()
    const after = await send('/__counts')
    const difference = (key: string) => Number(after[key]) - Number(before[key])
    return {
      name,
      statements: difference('statements'),
      trips: difference('trips'),
      read: difference('read'),
      written: difference('written'),
    }
  }
  let tokens = await send('/login', '', JSON.stringify(COSMO))
  await send('/protected', tokens.access_token)
  const rows = [
    await count(`${GUARDED} guarded requests within about two seconds`, async () => {
      for (let sent = 0; sent < GUARDED; sent += 1) await send('/protected', tokens.access_token)
    }),
    await count(`${READY} anonymous requests to /ready`, async () => {
      for (let sent = 0; sent < READY; sent += 1) await send('/ready')
    }),
    await countBetweenReads(count, () => send('/protected', tokens.access_token)),
    await count('login', async () => {
      tokens = await send('/login', '', JSON.stringify(COSMO))
    }),
    await count('refresh', async () => {
      tokens = await send('/refresh', tokens.refresh_token)
    }),
  ]
  const cleanUp = await measureCleanUp(host.db, count, () => send('/__clean-up'))
  rows.push(cleanUp.row)
  const bytesPerSession = await measureSessionBytes(host.db)
  const revoked = await measureRevoked(host.db, count, (token) => send('/protected', token))
  await host.dispose()
  return { rows, cleanUpMs: cleanUp.ms, bytesPerSession, revoked }
}

type Count = (name: string, work: () => Promise<unknown>) => Promise<StatementRow>

/** Counts requests right after the list was read: it is read again 2.5 seconds later at the earliest. */
async function countBetweenReads(
  count: Count,
  send: () => Promise<unknown>,
): Promise<StatementRow> {
  await sleep(5000)
  await send()
  return count('100 guarded requests between two reads of the list', async () => {
    for (let sent = 0; sent < 100; sent += 1) await send()
  })
}

const EXPIRED = 100_000

/** Runs the cron trigger once, with as many expired sessions as it deletes at most. */
async function measureCleanUp(db: D1Database, count: Count, cleanUp: () => Promise<unknown>) {
  await db
    .prepare(
      `WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
       INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, user_agent, country)
       SELECT substr(hex(randomblob(11)), 1, 22), n, 1, 1, 1, '', 'NL' FROM numbers`,
    )
    .bind(EXPIRED)
    .run()
  const startMs = performance.now()
  const row = await count(`clean-up of ${EXPIRED.toLocaleString('en')} sessions`, cleanUp)
  return { row, ms: performance.now() - startMs }
}

const PROBES = 100

async function measureRevoked(
  db: D1Database,
  count: Count,
  send: (token: string) => Promise<unknown>,
): Promise<RevokedResult> {
  const time = async (tokens: string[]) => {
    const times: number[] = []
    for (const token of tokens) {
      const startMs = performance.now()
      await send(token)
      times.push(performance.now() - startMs)
    }
    return median(times)
  }
  const mint = (prefix: string) =>
    Promise.all(Array.from({ length: PROBES }, (_, at) => mintTokens(1, `${prefix}-${at}`)))
  await send((await mint('warm-up')).flat()[0] ?? '')
  const usual = await time((await mint('usual')).flat())
  // Miniflare's connection has been idle for longer than workerd keeps it, and fails once.
  await db
    .prepare('SELECT 1')
    .run()
    .catch(() => {})
  await db
    .prepare(
      `WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
       INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, revoked_at, user_agent, country)
       SELECT 'revoked-' || n, n, 1, 1, 9000000000, unixepoch() - n % 900, '', 'NL' FROM numbers`,
    )
    .bind(REVOKED)
    .run()
  await sleep(6000)
  const [opening = '', ...tokens] = (await mint('first')).flat()
  await send(opening) // reads the list as far as the limit
  let first = 0
  const { read } = await count('', async () => {
    first = await time(tokens)
  })
  return { usual, first, repeated: await time(tokens), rows: read / tokens.length }
}

const SESSIONS = 50_000

/** Returns the bytes by which a session grows the database, including the indexes. */
async function measureSessionBytes(db: D1Database): Promise<number> {
  const readSize = async () => (await db.prepare('SELECT 1').run()).meta.size_after
  const before = await readSize()
  await db
    .prepare(
      `WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
       INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, user_agent, country)
       SELECT substr(hex(randomblob(11)), 1, 22), n, 1800000000 + n, 1800000000 + n, 1800604800 + n,
         substr(hex(randomblob(60)), 1, 120), 'NL' FROM numbers`,
    )
    .bind(SESSIONS)
    .run()
  return ((await readSize()) - before) / SESSIONS
}
