// The real thing: the Worker in three isolates with one database, and an operator with a database connection.

import { env } from 'cloudflare:workers'
import { vi } from 'vitest'

import type { AccessClaims, RefreshClaims } from '../../src/auth/tokens/claims.ts'
import { argon2id } from '../../src/auth/passwords/argon2.ts'
import { insertUser } from '../../src/db/user-changes.ts'
import { AppError } from '../../src/errors.ts'
import { logged, readSegment } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'
import { type Answer, type Moment, NOWHERE, type Token, type Tokens } from './model.ts'

/** What is configured: the step of key rotation (three per key), and the lifetimes of sessions. */
export type Version = { rotation: number; maxSeconds: number; idleSeconds: number }
export type Server = ReturnType<typeof createIsolate>

export const FIRST_VERSION: Version = { rotation: 0, maxSeconds: 2_592_000, idleSeconds: 604_800 }
export const ISOLATES = [0, 1, 2]

/** Time stands still, except where a command moves it; a story always begins at the same second. */
const BEGINNING = 1_900_000_000

const toSecret = (key: number) => `Kq8vXz3Wm5Rt7Yp2Ls9Bn4Gd6Hf1Jc0-${key}`

/** Returns the numbers of the accepted keys, the signing one first: old; old and next; new and previous. */
function toKeys(rotation: number): number[] {
  const key = Math.floor(rotation / 3)
  return [[key], [key, key + 1], [key + 1, key]][rotation % 3] ?? []
}

function toBindings({ rotation, maxSeconds, idleSeconds }: Version) {
  const [signing = 0, other] = toKeys(rotation)
  const secret = other === undefined ? '' : toSecret(other)
  return {
    JWT_SECRET: toSecret(signing),
    JWT_SECRET_NEXT: rotation % 3 === 1 ? secret : '',
    JWT_SECRET_PREVIOUS: rotation % 3 === 2 ? secret : '',
    SESSION_MAX_SECONDS: String(maxSeconds),
    SESSION_IDLE_SECONDS: String(idleSeconds),
    MAX_SESSIONS: '1000',
    SIGNUP: 'open',
  }
}

/** An outdated hash, as of an imported user, which the first login replaces. */
export function hashCheaply(password: string): string {
  const toBase64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes)).replaceAll('=', '')
  const salt = crypto.getRandomValues(new Uint8Array(16))
  const params = { memoryKib: 8, passes: 1, lanes: 1, hashLength: 32 }
  const hash = argon2id(new TextEncoder().encode(password), salt, params)
  return `$argon2id$v=19$m=8,t=1,p=1$${toBase64(salt)}$${toBase64(hash)}`
}

/** Adds a user as `npm run users -- import` does, with an outdated hash. */
export const importUser = (
  db: D1Database,
  { username, password, roles }: { username: string; password: string; roles: string[] },
  now: number,
) => insertUser(db, { username, passwordHash: hashCheaply(password), roles }, now)

export class Deployment {
  readonly servers: Server[]
  readonly versions = ISOLATES.map(() => FIRST_VERSION)
  readonly operator = createIsolate()
  target = FIRST_VERSION
  now = BEGINNING

  constructor() {
    this.servers = ISOLATES.map(() => createIsolate(toBindings(FIRST_VERSION)))
    this.wait(0)
    logged.length = 0
  }

  wait(seconds: number): void {
    this.now += seconds
    vi.setSystemTime(this.now * 1000)
  }

  /** Replaces an isolate by a new one with the settings and keys that are configured now. */
  restart(isolate: number): void {
    this.servers[isolate] = createIsolate(toBindings(this.target))
    this.versions[isolate] = this.target
  }

  isDeployed = () => this.versions.every((version) => version === this.target)

  server = (isolate: number): Server => this.servers[isolate] ?? this.operator

  moment(isolate: number): Moment {
    const { rotation, ...lifetimes } = this.versions[isolate] ?? FIRST_VERSION
    return { now: this.now, isolate, keys: toKeys(rotation), ...lifetimes }
  }

  /** Sends a request to an isolate. `key` is the number of the key that signs there. */
  async send(isolate: number, path: string, init: RequestInit): Promise<Answer> {
    const [key = 0] = this.moment(isolate).keys
    const response = await this.server(isolate).fetch(path, init)
    const { status, headers } = response
    const body = await response.json<Record<string, string>>()
    const [, cookie] =
      /^__Host-latchkey_refresh=([^;]+)/.exec(headers.get('Set-Cookie') ?? '') ?? []
    const tokens = readTokens(body.access_token, body.refresh_token ?? cookie, key)
    return { status, code: headers.get('X-Error-Code') ?? '', failed: false, tokens }
  }

  /** Runs what an operator does with the database; `run` returns the status that HTTP would have. */
  async operate(run: (db: D1Database) => Promise<number>): Promise<Answer> {
    try {
      const status = await run((this.operator.env as Env).DB)
      return { status, code: '', failed: false }
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return { status: 503, code: error.code, failed: false }
    }
  }
}

function readTokens(
  access: string | undefined,
  refresh: string | undefined,
  key: number,
): Tokens | undefined {
  if (access === undefined || refresh === undefined) return undefined
  return { access: read<AccessClaims>(access, key), refresh: read<RefreshClaims>(refresh, key) }
}

const read = <Claims>(text: string, key: number): Token<Claims> => ({
  text,
  key,
  claims: readSegment(text, 1) as unknown as Claims,
})

/** Makes the clock of the database the one of the test, and hashes cheap: their cost is tested elsewhere. */
export function prepareEnvironment(): void {
  vi.useFakeTimers({ toFake: ['Date'] })
  const prepare = env.DB.prepare.bind(env.DB)
  const seconds = () => String(Math.floor(Date.now() / 1000))
  vi.spyOn(env.DB, 'prepare').mockImplementation((sql) =>
    prepare(sql.replaceAll('unixepoch()', seconds())),
  )
  const { Instance } = WebAssembly
  vi.spyOn(WebAssembly, 'Instance').mockImplementation(function (module) {
    const exports = new Instance(module).exports as Record<string, (...args: number[]) => number>
    const hash = (...[, , , ...rest]: number[]) => exports.argon2_hash?.(1, 8, 1, ...rest) ?? -1
    return { exports: { ...exports, argon2_hash: hash } } as unknown as WebAssembly.Instance
  })
}

export const OPERATOR = NOWHERE
