// Measures the cost of a login and a refresh, and the share of the hash in a login.

import { insertUser } from '../../src/db/user-changes.ts'
import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { argon2id } from '../../src/cli/users/argon2.ts'
import { startHost } from '../load/host.ts'
import type { Effort } from './bench.ts'
import { Client, type NextRequest, toWire } from './load.ts'
import { readCpuMicros } from './process.ts'
import { type Builds, median, quantile, type Report, SECRET } from './setting.ts'

export const COSMO = { username: 'cosmo', password: 'space-corgi' }

/** CPU time of the workerd process, including local D1, and latencies. All in milliseconds. */
export type Cost = { cpu: number; p50: number; p99: number }
export type LoginResult = {
  login: Cost
  hash: Cost
  statements: Cost
  /** CPU milliseconds of a login without its hash, its statements and its rate limit, which run elsewhere in production. */
  beyond: number
  refresh: Cost
}

/** Adds a user whose password hash has the same cost as that of a new user. */
export const addUser = (db: D1Database, { username, password } = COSMO) =>
  insertUser(db, { username, passwordHash: hashPassword(password, argon2id), roles: [] }, 1)

/** Users who log in in turn, because one may log in only 100 times in 15 minutes. */
export const USERS = 8
export const userOf = (number: number) => ({ ...COSMO, username: `cosmo${number % USERS}` })

// Another user, whose session the other logins do not end.
const ADA = { username: 'ada', password: 'space-corgi' }

const ROUNDS = 10

export async function measureLogin(
  { latchkey, argon2, bare, 'login-statements': statementsOnly }: Builds,
  { logins, refreshes }: Effort,
  report: Report,
): Promise<LoginResult> {
  const peers = { argon2, bare, statements: statementsOnly }
  const host = await startHost(latchkey, { latchkey: { JWT_SECRET: SECRET } }, { peers })
  for (let number = 0; number < USERS; number += 1) await addUser(host.db, userOf(number))
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
  const createPeer = (name: string) =>
    new Subject(urlOf(name), host.pid, () => toWire(urlOf(name), {}))
  let sent = 0
  const login = new Subject(url, host.pid, () => logIn(userOf((sent += 1))))
  const [hash, statements, bareRequest] = [
    createPeer('argon2'),
    createPeer('statements'),
    createPeer('bare'),
  ]
  const refresh = new Subject(url, host.pid, toRefresh)
  for (let round = 0; round <= ROUNDS; round += 1) {
    report(`Logins: ${round}/${ROUNDS}`)
    for (const subject of [login, hash, statements, bareRequest])
      await subject.run(logins / ROUNDS, round > 0)
    await refresh.run(refreshes / ROUNDS, round > 0)
  }
  await host.dispose()
  const summarise = (subject: Subject) => subject.summarise()
  // Both peers also contain a bare request. It is added back, because a login is a request as well.
  const beyond =
    summarise(login).cpu -
    summarise(hash).cpu -
    summarise(statements).cpu +
    2 * summarise(bareRequest).cpu
  return {
    login: summarise(login),
    hash: summarise(hash),
    statements: summarise(statements),
    beyond,
    refresh: summarise(refresh),
  }
}

/** One type of request, over one connection, because a login blocks its isolate while it hashes. */
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

  async run(count: number, isRecorded: boolean): Promise<void> {
    const before = readCpuMicros(this.#pid)
    const times = await this.#client.run(count, this.#next)
    if (!isRecorded) return
    this.#cpus.push((readCpuMicros(this.#pid) - before) / count / 1000)
    this.#times.push(...times)
  }

  summarise(): Cost {
    const [p50, p99] = [quantile(this.#times, 0.5), quantile(this.#times, 0.99)]
    return { cpu: median(this.#cpus), p50, p99 }
  }
}
