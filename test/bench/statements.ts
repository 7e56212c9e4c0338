// Counts the D1 statements of each operation, and the bytes that a session uses in D1.

import { startHost } from '../load/host.ts'
import { addUser, COSMO } from './login.ts'
import { type Builds, type Report, SECRET } from './setting.ts'

/** Statements, round trips, rows read and rows written of one operation, including indexes. */
export type StatementRow = {
  name: string
  statements: number
  trips: number
  read: number
  written: number
}
export type StatementResult = { rows: StatementRow[]; bytesPerSession: number }

const GUARDED = 1000

export async function measureStatements(
  { counted }: Builds,
  report: Report,
): Promise<StatementResult> {
  report('D1 statements of each operation')
  const host = await startHost(counted, { latchkey: { JWT_SECRET: SECRET } })
  await addUser(host.db)
  const send = async (path: string, token = '', body = '') => {
    const response = await fetch(new URL(path, host.urls.latchkey), {
      method: path === '/protected' || path === '/__counts' ? 'GET' : 'POST',
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
    await count('login', async () => {
      tokens = await send('/login', '', JSON.stringify(COSMO))
    }),
    await count('refresh', async () => {
      tokens = await send('/refresh', tokens.refresh_token)
    }),
  ]
  const bytesPerSession = await measureSessionBytes(host.db)
  await host.dispose()
  return { rows, bytesPerSession }
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
