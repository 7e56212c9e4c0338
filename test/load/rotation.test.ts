import { insertUser } from '../../src/db/user-changes.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { argon2id } from '../../src/cli/users/argon2.ts'
import { generateSecret, type Ring } from '../../src/cli/cloudflare/ring-file.ts'
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
  JWT_SECRET: '',
  JWT_SECRET_NEXT: '',
  JWT_SECRET_PREVIOUS: '',
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
