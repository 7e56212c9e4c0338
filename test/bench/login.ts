// What a log-in and a refresh cost, and how much of a log-in is its hash.

import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { argon2id } from '../../src/cli/users/argon2.ts'
import { insertUser } from '../../src/db/users.ts'
import { startHost } from '../load/host.ts'
import type { Effort } from './bench.ts'
import { Client, type NextRequest, toWire } from './load.ts'
import { readCpuMicros } from './process.ts'
import { type Builds, median, quantile, type Report, SECRET } from './setting.ts'

export const COSMO = { username: 'cosmo', password: 'space-corgi' }

/** CPU in milliseconds of the runtime process, local D1 included; times in milliseconds. */
export type Cost = { cpu: number; p50: number; p99: number }
export type LoginResult = {
  login: Cost
  hash: Cost
  statements: Cost
  /** CPU of a log-in that is neither its hash nor, in a database elsewhere, its statements. */
  beyond: number
  refresh: Cost
}

/** Adds a user whose password costs what a new one does. */
export const addUser = (db: D1Database, { username, password } = COSMO) =>
  insertUser(db, { username, passwordHash: hashPassword(password, argon2id), roles: [] }, 1)

// Whom the log-ins of the other do not log out.
const ADA = { username: 'ada', password: 'space-corgi' }

const ROUNDS = 10

export async function measureLogin(
  { latchkey, argon2, bare, 'login-statements': statementsOnly }: Builds,
  { logins, refreshes }: Effort,
  report: Report,
): Promise<LoginResult> {
  const peers = { argon2, bare, statements: statementsOnly }
  const host = await startHost(latchkey, { latchkey: { JWT_SECRET: SECRET } }, { peers })
  await addUser(host.db)
  await addUser(host.db, ADA)
  const urlOf = (name: string) => host.urls[name] ?? host.url
  const url = urlOf('latchkey')
  const logIn = (user: object) =>
    toWire(url, { method: 'POST', path: '/login', body: JSON.stringify(user) })
  const toRefresh: NextRequest = (_, body) => {
    if (!body) return logIn(ADA)
    const { refresh_token: token } = JSON.parse(body) as { refresh_token: string }
    return toWire(url, { method: 'POST', path: '/refresh', token })
  }
  const get = (name: string) => new Subject(urlOf(name), host.pid, () => toWire(urlOf(name), {}))
  const login = new Subject(url, host.pid, () => logIn(COSMO))
  const [hash, statements, nothing] = [get('argon2'), get('statements'), get('bare')]
  const refresh = new Subject(url, host.pid, toRefresh)
  for (let round = 0; round <= ROUNDS; round += 1) {
    report(`log-ins: ${round}/${ROUNDS}`)
    for (const subject of [login, hash, statements, nothing])
      await subject.run(logins / ROUNDS, round > 0)
    await refresh.run(refreshes / ROUNDS, round > 0)
  }
  await host.dispose()
  const of = (subject: Subject) => subject.summarise()
  // Each peer is a request as well, and of those a log-in is one.
  const beyond = of(login).cpu - of(hash).cpu - of(statements).cpu + 2 * of(nothing).cpu
  return {
    login: of(login),
    hash: of(hash),
    statements: of(statements),
    beyond,
    refresh: of(refresh),
  }
}

/** One kind of request, over one connection: a log-in occupies its isolate for the length of a hash. */
class Subject {
  readonly #client: Client
  readonly #pid: number
  readonly #next: NextRequest
  readonly #cpus: number[] = []
  readonly #times: number[] = []

  constructor(url: URL, pid: number, next: NextRequest) {
    this.#client = new Client(url, 1)
    this.#pid = pid
    this.#next = next
  }

  async run(count: number, counts: boolean): Promise<void> {
    const before = readCpuMicros(this.#pid)
    const times = await this.#client.run(count, this.#next)
    if (!counts) return
    this.#cpus.push((readCpuMicros(this.#pid) - before) / count / 1000)
    this.#times.push(...times)
  }

  summarise(): Cost {
    const [p50, p99] = [quantile(this.#times, 0.5), quantile(this.#times, 0.99)]
    return { cpu: median(this.#cpus), p50, p99 }
  }
}
