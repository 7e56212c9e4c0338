import { insertUser } from '../../src/db/user-changes.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { openSeed, sealSeed } from '../../src/auth/keys/seal.ts'
import { computeOtp } from '../../src/auth/factors/totp.ts'
import { importKeyRing } from '../../src/auth/keys/key-ring.ts'
import { resealSeeds } from '../../src/cli/keys/reseal.ts'
import { argon2id } from '../../src/cli/users/argon2.ts'
import {
  generateSecret,
  generateSecrets,
  type Ring,
  VARIABLES,
} from '../../src/cli/cloudflare/ring-file.ts'
import { buildWorker, type Host, startHost } from './host.ts'

const REQUESTS = 2000
const CLIENTS = 8
const COSMO = { username: 'cosmo', password: 'space-corgi' }

type Send = (path: string, init?: RequestInit) => Promise<Response>

/** A client that logs in, calls the guarded endpoint and refreshes, each time on the next Worker. */
class Client {
  access = ''
  refresh = ''
  readonly rejected: string[] = []
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  async act(turn: number): Promise<void> {
    if (turn % 100 === 0)
      await this.#request('/login', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(COSMO),
      })
    else if (turn % 5 === 0)
      await this.#request('/refresh', {
        method: 'POST',
        headers: { Authorization: `Bearer ${this.refresh}` },
      })
    else await this.#request('/protected', { headers: { Authorization: `Bearer ${this.access}` } })
  }

  async #request(path: string, init: RequestInit): Promise<void> {
    const response = await this.#send(path, init)
    const body = (await response.json()) as { access_token?: string; refresh_token?: string }
    if (response.status !== 200)
      this.rejected.push(`${path} ${response.status} ${JSON.stringify(body)}`)
    this.access = body.access_token ?? this.access
    this.refresh = body.refresh_token ?? this.refresh
  }
}

/** Returns the bindings of a key ring. Keys that it does not contain are empty. */
const toBindings = (ring: Ring) => ({
  ...Object.fromEntries(VARIABLES.map((name) => [name, ''])),
  ...ring,
})

describe.each(['HS256', 'EdDSA'] as const)(
  'a key rotation under load from HS256 to %s',
  (algorithm) => {
    let host: Host
    /**
     * The key rings of a rotation. Each version is a separate Worker, because versions coexist during a
     * deployment.
     */
    let rings: Ring[]

    beforeAll(async () => {
      const [old, next] = [await generateSecret('HS256'), await generateSecret(algorithm)]
      rings = [
        { JWT_SECRET: old },
        { JWT_SECRET: old, JWT_SECRET_NEXT: next },
        { JWT_SECRET: next, JWT_SECRET_PREVIOUS: old },
        { JWT_SECRET: next },
      ]
      const versions = rings.flatMap((ring, version) =>
        ['a', 'b'].map((site) => [`${site}${version}`, toBindings(ring)] as const),
      )
      host = await startHost(buildWorker(), Object.fromEntries(versions))
      const passwordHash = hashPassword(COSMO.password, argon2id)
      await insertUser(host.db, { username: COSMO.username, passwordHash, roles: [] }, 1)
    }, 60_000)
    afterAll(() => host.dispose())

    /** Runs the load while two sites move through `plan`, a list of version pairs. */
    async function run(plan: [a: number, b: number][]): Promise<Client[]> {
      let sent = 0
      const step = () =>
        plan[Math.min(plan.length - 1, Math.floor((sent / REQUESTS) * plan.length))] ?? [0, 0]
      const send = (path: string, init?: RequestInit) => {
        sent += 1
        const [a, b] = step()
        return host.fetch(sent % 2 === 0 ? `a${a}` : `b${b}`, path, init)
      }
      const clients = Array.from({ length: CLIENTS }, () => new Client(send))
      await Promise.all(
        clients.map(async (client) => {
          for (let turn = 0; turn < REQUESTS / CLIENTS; turn += 1) await client.act(turn)
        }),
      )
      expect(sent).toBe(REQUESTS)
      return clients
    }

    it('a key rotation rejects none of 2,000 requests while two Workers switch keys at different times (ASVS 11.2.2)', async () => {
      const clients = await run([
        [0, 0],
        [1, 0],
        [1, 1],
        [2, 1],
        [2, 2],
      ])
      expect(clients.flatMap(({ rejected }) => rejected)).toEqual([])
      // Every client has refreshed since the new key started to sign, so the old key can be removed.
      for (const client of clients) await client.act(5)
      expect(clients.flatMap(({ rejected }) => rejected)).toEqual([])
      for (const site of ['a3', 'b3']) {
        for (const { access } of clients) {
          const response = await host.fetch(site, '/protected', {
            headers: { Authorization: `Bearer ${access}` },
          })
          expect(response.status).toBe(200)
        }
      }
    })

    it('a token signed with the retired key is rejected after the rotation', async () => {
      const client = new Client((path, init) => host.fetch('a0', path, init))
      await client.act(0)
      for (const [path, method, token] of [
        ['/protected', 'GET', client.access],
        ['/refresh', 'POST', client.refresh],
      ] as const) {
        const response = await host.fetch('b3', path, {
          method,
          headers: { Authorization: `Bearer ${token}` },
        })
        expect(response.status).toBe(401)
        expect(await response.json()).toEqual({ msg: 'Signature verification failed' })
      }
    })

    it('a rotation that skips the next key rejects tokens while two Workers switch at different times', async () => {
      const clients = await run([
        [0, 0],
        [2, 0],
        [2, 2],
      ])
      expect(clients.flatMap(({ rejected }) => rejected).length).toBeGreaterThan(0)
    })
  },
)

const USERS = 2000

describe('a rotation of both secrets with 2,000 enrolled users', () => {
  let host: Host
  let rings: Ring[]
  const seed = (id: number) => new TextEncoder().encode(String(id).padStart(20, 'seed'))

  beforeAll(async () => {
    const [old, next] = [
      await generateSecrets(['JWT_SECRET', 'DATA_SECRET']),
      await generateSecrets(['JWT_SECRET', 'DATA_SECRET']),
    ]
    const toNamed = (
      { JWT_SECRET = '', DATA_SECRET = '' }: Ring,
      suffix: '_NEXT' | '_PREVIOUS',
    ) => ({
      [`JWT_SECRET${suffix}`]: JWT_SECRET,
      [`DATA_SECRET${suffix}`]: DATA_SECRET,
    })
    rings = [
      old,
      { ...old, ...toNamed(next, '_NEXT') },
      { ...next, ...toNamed(old, '_PREVIOUS') },
      next,
    ]
    host = await startHost(
      buildWorker(),
      Object.fromEntries(rings.map((ring, version) => [`v${version}`, toBindings(ring)])),
    )
    const passwordHash = hashPassword(COSMO.password, argon2id)
    const keys = await importKeyRing(old, 'DATA_SECRET')
    const rows = Array.from({ length: USERS }, async (_, index) => {
      const id = index + 1
      return [id, `user${id}`, passwordHash, await sealSeed(keys, id, seed(id))]
    })
    const json = JSON.stringify(await Promise.all(rows))
    await host.db.batch([
      host.db
        .prepare(
          `INSERT INTO users (id, username, folded, password_hash, roles, created_at)
           SELECT value ->> 0, value ->> 1, value ->> 1, value ->> 2, '[]', 1 FROM json_each(?1)`,
        )
        .bind(json),
      host.db
        .prepare(
          `INSERT INTO factors (id, user_id, friendly_name, sealed_seed, created_at, verified_at)
           SELECT value ->> 1, value ->> 0, 'phone', value ->> 3, 1, 1 FROM json_each(?1)`,
        )
        .bind(json),
    ])
  }, 120_000)
  afterAll(() => host.dispose())

  /** Logs users in with the code of their app at one version of the Worker; returns the responses that are not 200. */
  async function logIn(version: number, ids: number[]): Promise<string[]> {
    const failed: string[] = []
    for (const id of ids) {
      const otp = await computeOtp(seed(id), Math.floor(Date.now() / 30_000))
      const response = await host.fetch(`v${version}`, '/login', {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'CF-Connecting-IP': `198.51.${id >> 8}.${id & 255}`,
        },
        body: JSON.stringify({ username: `user${id}`, password: COSMO.password, otp }),
      })
      const text = await response.text()
      if (response.status !== 200) failed.push(`${id} at v${version}: ${text}`)
    }
    return failed
  }
  const some = (from: number, count = 20) => Array.from({ length: count }, (_, n) => from + n * 47)

  it('loses none of them, and none of their logins fails before, during or after it (ASVS 11.2.2)', async () => {
    expect(await logIn(0, some(1))).toEqual([])
    expect(await logIn(1, some(2))).toEqual([])
    // Promoted in one place only.
    expect([...(await logIn(2, some(3))), ...(await logIn(1, some(4)))]).toEqual([])
    // Retiring, while users log in.
    const [resealed, failed] = await Promise.all([
      resealSeeds(host.db, rings[2] ?? {}),
      logIn(2, some(5)),
    ])
    expect({ resealed, failed }).toEqual({ resealed: USERS, failed: [] })
    expect(await resealSeeds(host.db, rings[2] ?? {})).toBe(0)
    expect(await logIn(3, some(6))).toEqual([])
    const keys = await importKeyRing(rings[3] ?? {}, 'DATA_SECRET')
    const { results } = await host.db
      .prepare('SELECT user_id AS id, sealed_seed AS sealed FROM factors')
      .all<{ id: number; sealed: string }>()
    expect(results).toHaveLength(USERS)
    for (const { id, sealed } of results) expect(await openSeed(keys, id, sealed)).toEqual(seed(id))
  }, 120_000)

  it('without the step that encrypts the seeds again would lose all of them', async () => {
    const other = await importKeyRing(await generateSecrets(['DATA_SECRET']), 'DATA_SECRET')
    const row = await host.db
      .prepare('SELECT user_id AS id, sealed_seed AS sealed FROM factors')
      .first<{
        id: number
        sealed: string
      }>()
    await expect(openSeed(other, row?.id ?? 0, row?.sealed ?? '')).rejects.toThrow('does not open')
  })
})
