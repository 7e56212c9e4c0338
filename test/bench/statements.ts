// How many statements and round trips to D1 an operation takes.

import { startHost } from '../load/host.ts'
import { addCosmo, COSMO } from './login.ts'
import { type Builds, type Report, SECRET } from './setting.ts'

export type StatementRow = { name: string; statements: number; trips: number }

const GUARDED = 1000

export async function measureStatements(
  { counted }: Builds,
  report: Report,
): Promise<StatementRow[]> {
  report('statements of each operation')
  const host = await startHost(counted, { latchkey: { JWT_SECRET: SECRET } })
  await addCosmo(host.db)
  const send = async (path: string, token = '', body = '') => {
    const response = await fetch(new URL(path, host.urls.latchkey), {
      method: path === '/protected' || path === '/__counts' ? 'GET' : 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body && { body }),
    })
    if (response.status !== 200) throw new Error(`${path}: ${response.status}`)
    return (await response.json()) as Record<string, never>
  }
  const count = async (name: string, work: () => Promise<unknown>): Promise<StatementRow> => {
    const before = await send('/__counts')
    await work()
    const after = await send('/__counts')
    const difference = (key: string) => Number(after[key]) - Number(before[key])
    return { name, statements: difference('statements'), trips: difference('trips') }
  }
  let tokens = await send('/login', '', JSON.stringify(COSMO))
  await send('/protected', tokens.access_token)
  const rows = [
    await count(`${GUARDED} guarded requests within a second or two`, async () => {
      for (let sent = 0; sent < GUARDED; sent += 1) await send('/protected', tokens.access_token)
    }),
    await count('log in', async () => {
      tokens = await send('/login', '', JSON.stringify(COSMO))
    }),
    await count('refresh', async () => {
      tokens = await send('/refresh', tokens.refresh_token)
    }),
  ]
  await host.dispose()
  return rows
}
