// What a log-in and a refresh cost, and how much of a log-in is its hash.

import { hashPassword } from '../../src/auth/passwords.ts'
import { argon2id } from '../../src/cli/argon2.ts'
import { insertUser } from '../../src/db/users.ts'
import { startHost } from '../load/host.ts'
import type { Effort } from './bench.ts'
import { Client, type NextRequest, toWire } from './load.ts'
import { readCpuMicros } from './process.ts'
import { type Builds, quantile, type Report, SECRET } from './setting.ts'

export const COSMO = { username: 'cosmo', password: 'space-corgi' }

/** CPU in milliseconds of the runtime process, local D1 included; times in milliseconds. */
export type Cost = { cpu: number; p50: number; p99: number }
export type LoginResult = { login: Cost; hash: Cost; beyondHash: number; refresh: Cost }

/** The row of a user whose password costs what a new one does. */
export const addCosmo = (db: D1Database) =>
  insertUser(
    db,
    {
      username: COSMO.username,
      passwordHash: hashPassword(COSMO.password, argon2id),
      roles: [],
    },
    1,
  )

export async function measureLogin(
  { latchkey, argon2, bare }: Builds,
  { logins, refreshes }: Effort,
  report: Report,
): Promise<LoginResult> {
  const workers = { latchkey: { JWT_SECRET: SECRET } }
  const host = await startHost(latchkey, workers, { peers: { argon2, bare } })
  await addCosmo(host.db)
  const urlOf = (name: string) => host.urls[name] ?? host.url
  // One at a time: a log-in occupies its isolate for the length of a hash.
  const measure = async (worker: string, count: number, next: NextRequest): Promise<Cost> => {
    report(`${count} requests to ${worker}`)
    const client = new Client(urlOf(worker), 1)
    await client.run(Math.ceil(count / 10), next)
    const before = readCpuMicros(host.pid)
    const times = await client.run(count, next)
    const cpu = (readCpuMicros(host.pid) - before) / count / 1000
    client.close()
    return { cpu, p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
  }
  const url = urlOf('latchkey')
  const logIn = toWire(url, { method: 'POST', path: '/login', body: JSON.stringify(COSMO) })
  const toRefresh: NextRequest = (_, body) => {
    if (!body) return logIn
    const { refresh_token: token } = JSON.parse(body) as { refresh_token: string }
    return toWire(url, { method: 'POST', path: '/refresh', token })
  }
  const login = await measure('latchkey', logins, () => logIn)
  const hash = await measure('argon2', logins, () => toWire(urlOf('argon2'), {}))
  const nothing = await measure('bare', logins, () => toWire(urlOf('bare'), {}))
  const refresh = await measure('latchkey', refreshes, toRefresh)
  await host.dispose()
  return { login, hash, beyondHash: login.cpu - (hash.cpu - nothing.cpu), refresh }
}
