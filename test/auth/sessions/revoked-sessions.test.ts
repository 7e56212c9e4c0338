import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { MAX_REVOKED, RevokedSessions } from '../../../src/auth/sessions/revoked-sessions.ts'
import { markEveryoneRevoked } from '../../../src/db/everyone.ts'
import type { RevokedList } from '../../../src/db/session-revocation.ts'
import { addUser, logged, now, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const advance = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

describe('a revoked session', () => {
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await addUser()
  })
  afterEach(() => vi.useRealTimers())

  it('the isolate that revoked a session rejects it immediately, others within REVOCATION_SECONDS', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    expect((await there.get('/protected', token)).status).toBe(200)
    await here.post('/logout', token)
    expect((await here.get('/protected', token)).status).toBe(401)
    advance(2.4) // before half of the time limit there is no background read
    expect((await there.get('/protected', token)).status).toBe(200)
    advance(2.6)
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('a request after half of REVOCATION_SECONDS triggers a background read, and the next one is rejected', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    await there.get('/protected', token)
    await here.post('/logout', token)
    advance(2.5)
    expect((await there.get('/protected', token)).status).toBe(200) // reads in the background
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('REVOCATION_SECONDS = 0 makes every isolate reject a revoked session immediately', async () => {
    const [here, there] = [createIsolate(), createIsolate({ REVOCATION_SECONDS: '0' })]
    const { access_token: token } = await startSession()
    expect((await there.get('/protected', token)).status).toBe(200)
    await here.post('/logout', token)
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('a revoked session is rejected until its last access token has expired', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    await here.post('/logout', token)
    const readBody = async () => (await there.get('/protected', token)).text()
    for (let minute = 0; minute < 15; minute += 1) {
      expect(await readBody()).toBe('{"msg":"Token has been revoked"}')
      advance(60)
    }
    advance(5)
    expect(await readBody()).toBe('{"msg":"Token has expired"}')
  })

  it('the guard responds with 503 instead of accepting a revoked session while the database fails (ASVS 16.5.3)', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    const { access_token: valid } = await startSession()
    await there.get('/protected', token)
    await here.post('/logout', token)
    there.fault = { at: there.statements + 1, when: 'before' }
    advance(5)
    const response = await there.get('/protected', token)
    expect(response.status).toBe(503)
    expect(response.headers.get('Retry-After')).toBe('5')
    expect((await there.get('/protected', token)).status).toBe(401)
    expect((await there.get('/protected', valid)).status).toBe(200)
  })

  it('a revoked session is rejected even if the clock steps back', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    advance(4)
    await there.get('/protected', token)
    await here.post('/logout', token)
    advance(-4)
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('a revoked session is rejected even if its tokens have a longer lifetime than the current setting', async () => {
    const [here, there] = [createIsolate(), createIsolate({ ACCESS_TOKEN_SECONDS: '60' })]
    const { access_token: token } = await startSession()
    await here.post('/logout', token)
    advance(300)
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('1,000 guarded requests read the revoked sessions from the database once', async () => {
    const isolate = createIsolate()
    const { access_token: token } = await startSession()
    for (let request = 0; request < 1000; request += 1)
      expect((await isolate.get('/protected', token)).status).toBe(200)
    expect(isolate.statements).toBe(1)
  })

  it('steady traffic reads the revoked sessions once per half of REVOCATION_SECONDS', async () => {
    const isolate = createIsolate()
    const { access_token: token } = await startSession()
    for (let request = 0; request < 250; request += 1) {
      await isolate.get('/protected', token)
      advance(0.1)
    }
    expect(isolate.statements).toBe(10)
  })
})

it('a failed background read is repeated by the first request after REVOCATION_SECONDS', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  const isolate = createIsolate()
  const { access_token: token } = await startSession()
  await isolate.get('/protected', token)
  isolate.fault = { at: isolate.statements + 1, when: 'before' }
  advance(3)
  expect((await isolate.get('/protected', token)).status).toBe(200)
  expect(logged.filter((line) => line.includes('failed'))).toEqual([])
  advance(2)
  expect((await isolate.get('/protected', token)).status).toBe(200)
  expect(isolate.statements).toBe(3)
  vi.useRealTimers()
})

describe('RevokedSessions', () => {
  const at = (nowMs: number) => ({ nowMs, maxAgeSeconds: 5 })
  const A = { sid: 'a', auth_time: 1 }
  const B = { sid: 'b', auth_time: 1 }
  const listOf = (...ids: string[]) => ({ ids, revokedBefore: 0, isComplete: true })
  const tooMany = () => ({ ids: [], revokedBefore: 0, isComplete: false })
  const noBackgroundRead = () => expect.unreachable('no background read')
  const noLookup = async () => expect.unreachable('no lookup')
  const listing = (list: () => Promise<RevokedList>) =>
    new RevokedSessions({ list, isRevoked: noLookup })

  it('RevokedSessions contains a session that was revoked during a read', async () => {
    const read = Promise.withResolvers<RevokedList>()
    const reads = [read.promise, listOf()]
    const revoked = listing(async () => reads.shift() ?? listOf())
    const first = revoked.has(B, at(0), noBackgroundRead)
    revoked.add(['b'])
    read.resolve(listOf('a'))
    expect(await first).toBe(true)
    expect(await revoked.has(B, at(1), noBackgroundRead)).toBe(true)
  })

  it('RevokedSessions drops a locally revoked session once a later read does not contain it', async () => {
    const revoked = listing(async () => listOf())
    revoked.add(['a'])
    expect(await revoked.has(A, at(0), noBackgroundRead)).toBe(false)
  })

  it('RevokedSessions is not overwritten by an earlier read that responds late', async () => {
    const slow = Promise.withResolvers<RevokedList>()
    const reads = [slow.promise, listOf('a')]
    const revoked = listing(async () => reads.shift() ?? listOf())
    const first = revoked.has(A, at(0), noBackgroundRead)
    expect(await revoked.has(A, at(1), noBackgroundRead)).toBe(true)
    slow.resolve(listOf())
    expect(await first).toBe(true)
    expect(await revoked.has(A, at(2), noBackgroundRead)).toBe(true)
  })

  it('each request reads an outdated RevokedSessions separately, because requests cannot share a promise', async () => {
    let reads = 0
    const revoked = listing(async () => {
      reads += 1
      return listOf()
    })
    await Promise.all([1, 2, 3].map(() => revoked.has(A, at(0), noBackgroundRead)))
    expect(reads).toBe(3)
  })

  it('RevokedSessions does not keep more ids of its own than the limit, and looks sessions up after that', async () => {
    const lookups: string[] = []
    const revoked = new RevokedSessions({
      list: async () => listOf(),
      isRevoked: async ({ sid }) => lookups.push(sid) > 0,
    })
    expect(await revoked.has(A, at(0), noBackgroundRead)).toBe(false)
    for (let id = 0; id <= MAX_REVOKED; id += 1) revoked.add([`own-${id}`])
    expect(await revoked.has(A, at(1), noBackgroundRead)).toBe(true)
    expect(lookups).toEqual(['a'])
  })

  const ownIds = (count: number) => Array.from({ length: count }, (_, id) => `own-${id}`)
  const isOwn = (id: number) => ({ sid: `own-${id}`, auth_time: 1 })

  it('RevokedSessions keeps as many ids of its own as the limit allows, and needs no lookup', async () => {
    const revoked = listing(async () => listOf())
    await revoked.has(A, at(0), noBackgroundRead)
    revoked.add(ownIds(MAX_REVOKED))
    expect(await revoked.has(isOwn(MAX_REVOKED - 1), at(1), noBackgroundRead)).toBe(true)
    expect(await revoked.has(A, at(1), noBackgroundRead)).toBe(false)
  })

  it('RevokedSessions drops ids above the limit, also when most of them came from the database', async () => {
    const lookups: string[] = []
    const revoked = new RevokedSessions({
      list: async () => listOf(...ownIds(MAX_REVOKED)),
      isRevoked: async ({ sid }) => lookups.push(sid) > 0,
    })
    await revoked.has(A, at(0), noBackgroundRead)
    expect(await revoked.has(isOwn(0), at(1), noBackgroundRead)).toBe(true)
    lookups.length = 0
    revoked.add(['one more'])
    expect(await revoked.has(isOwn(0), at(2), noBackgroundRead)).toBe(true)
    expect(lookups).toEqual(['own-0'])
  })

  it('RevokedSessions is complete again with the first read after it has lost ids', async () => {
    const lookups: string[] = []
    const revoked = new RevokedSessions({
      list: async () => listOf('a'),
      isRevoked: async ({ sid }) => lookups.push(sid) < 0,
    })
    await revoked.has(B, at(0), noBackgroundRead)
    revoked.add(ownIds(MAX_REVOKED + 1))
    expect(await revoked.has(B, at(60_000), noBackgroundRead)).toBe(false)
    revoked.add(['c'])
    expect(await revoked.has(B, at(60_001), noBackgroundRead)).toBe(false)
    expect(await revoked.has(A, at(60_001), noBackgroundRead)).toBe(true)
    expect(lookups).toEqual([])
  })

  it('RevokedSessions remembers as many lookups as the limit allows, and then starts again', async () => {
    let lookups = 0
    const revoked = new RevokedSessions({
      list: async () => tooMany(),
      isRevoked: async () => (lookups += 1) < 0,
    })
    const lookUp = async (id: number) => {
      expect(await revoked.has(isOwn(id), at(0), noBackgroundRead)).toBe(false)
      return lookups
    }
    for (let id = 0; id < MAX_REVOKED; id += 1) await lookUp(id)
    expect(await lookUp(0)).toBe(MAX_REVOKED)
    expect(await lookUp(MAX_REVOKED)).toBe(MAX_REVOKED + 1)
    expect(await lookUp(0)).toBe(MAX_REVOKED + 2)
    expect(await lookUp(MAX_REVOKED)).toBe(MAX_REVOKED + 2)
  })

  it('RevokedSessions keeps no ids of an incomplete list, and looks those sessions up as well', async () => {
    const lookups: string[] = []
    const revoked = new RevokedSessions({
      list: async () => ({ ...tooMany(), ids: ['a'] }),
      isRevoked: async ({ sid }) => lookups.push(sid) > 0,
    })
    expect(await revoked.has(A, at(0), noBackgroundRead)).toBe(true)
    expect(lookups).toEqual(['a'])
  })

  it('RevokedSessions lists up to the limit, as of the Unix time in seconds', async () => {
    const asked: number[][] = []
    const list = async (time: number, max: number) => {
      asked.push([time, max])
      return listOf()
    }
    const revoked = new RevokedSessions({ list, isRevoked: noLookup })
    await revoked.has(A, at(1_800_000_000_999), noBackgroundRead)
    expect(asked).toEqual([[1_800_000_000, MAX_REVOKED]])
  })

  it('many requests start one background read, and another one only after half of the time', async () => {
    let reads = 0
    const never = new Promise<RevokedList>(() => {})
    const revoked = listing(async () => ((reads += 1) > 1 ? never : listOf()))
    const inBackground: Promise<void>[] = []
    const count = (nowMs: number) => {
      void revoked.has(A, at(nowMs), (work) => void inBackground.push(work))
      return [reads, inBackground.length]
    }
    await revoked.has(A, at(0), noBackgroundRead)
    expect(count(2499)).toEqual([1, 0])
    for (const nowMs of [2500, 2500, 2600, 4000, 4999]) expect(count(nowMs)).toEqual([2, 1])
  })

  it('RevokedSessions is not complete after a read that had started before it lost ids of its own', async () => {
    const slow = Promise.withResolvers<RevokedList>()
    const reads = [slow.promise]
    const revoked = new RevokedSessions({
      list: async () => reads.shift() ?? listOf('a'),
      isRevoked: async () => true,
    })
    const first = revoked.has(A, at(0), noBackgroundRead)
    revoked.add(['a', ...Array.from({ length: MAX_REVOKED }, (_, id) => `own-${id}`)])
    slow.resolve(listOf())
    expect(await first).toBe(true)
  })

  it('RevokedSessions rejects a session that is revoked while it is looked up, from then on', async () => {
    const [slow, started] = [Promise.withResolvers<boolean>(), Promise.withResolvers<void>()]
    const lookups = [slow.promise]
    const isRevoked = async () => {
      started.resolve()
      return lookups.shift() ?? true
    }
    const revoked = new RevokedSessions({ list: async () => tooMany(), isRevoked })
    const first = revoked.has(A, at(0), noBackgroundRead)
    await started.promise
    revoked.add(['a'])
    slow.resolve(false)
    await first
    expect(await revoked.has(A, at(1), noBackgroundRead)).toBe(true)
    revoked.add(Array.from({ length: MAX_REVOKED }, (_, id) => `own-${id}`)) // 'a' is lost
    expect(await revoked.has(A, at(2), noBackgroundRead)).toBe(true)
  })
})

describe('while more sessions are revoked than an isolate reads,', () => {
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await addUser()
  })
  afterEach(() => vi.useRealTimers())

  /** Inserts sessions of no user that were revoked `secondsAgo`. */
  const addRevoked = (count: number, secondsAgo = 0) =>
    env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
       INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, revoked_at,
         user_agent, country)
       SELECT 'bulk-' || i, 9, 1, 1, 9000000000, ?2, '', '' FROM n`,
    )
      .bind(count, now() - secondsAgo)
      .run()

  const countOf = async (
    isolate: ReturnType<typeof createIsolate>,
    work: () => Promise<unknown>,
  ) => {
    const before = { statements: isolate.statements, rows: isolate.rowsRead }
    await work()
    const { statements, rowsRead } = isolate
    return { statements: statements - before.statements, rows: rowsRead - before.rows }
  }

  it.each([
    [MAX_REVOKED, { statements: 0, rows: 0 }],
    [MAX_REVOKED + 1, { statements: 1, rows: 2 }],
  ])(
    'with %i revoked sessions, a guarded request after the first costs the database %j',
    async (revoked, cost) => {
      const isolate = createIsolate()
      const [{ access_token: first }, { access_token: next }] = [
        await startSession(),
        await startSession(),
      ]
      await addRevoked(revoked)
      const opening = await countOf(isolate, () => isolate.get('/protected', first))
      expect(opening.rows).toBeLessThanOrEqual(2 * (MAX_REVOKED + 2))
      const get = async () => expect((await isolate.get('/protected', next)).status).toBe(200)
      expect(await countOf(isolate, get)).toEqual(cost)
    },
  )

  it('a guarded request reads at most two rows while 100,000 sessions are revoked, and the list only once a minute', async () => {
    const isolate = createIsolate()
    await addRevoked(100_000)
    const { access_token: token } = await startSession()
    const listRead = await countOf(isolate, () => isolate.get('/protected', token))
    expect(listRead.rows).toBeLessThanOrEqual(2 * (MAX_REVOKED + 2))
    for (let second = 0; second < 29; second += 1) {
      advance(1)
      const { rows } = await countOf(isolate, () => isolate.get('/protected', token))
      expect(rows).toBeLessThanOrEqual(2)
    }
  })

  it('100 requests of a session within REVOCATION_SECONDS look it up once', async () => {
    const isolate = createIsolate()
    await addRevoked(MAX_REVOKED + 1)
    const { access_token: token } = await startSession()
    await isolate.get('/protected', token)
    const { statements } = await countOf(isolate, async () => {
      for (let request = 0; request < 99; request += 1) {
        expect((await isolate.get('/protected', token)).status).toBe(200)
        advance(0.04)
      }
    })
    expect(statements).toBe(0)
  })

  it('a session that another isolate revokes is still rejected within REVOCATION_SECONDS', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    await addRevoked(MAX_REVOKED + 1)
    const { access_token: token } = await startSession()
    expect((await there.get('/protected', token)).status).toBe(200)
    await here.post('/logout', token)
    expect((await here.get('/protected', token)).status).toBe(401)
    advance(5)
    expect(await (await there.get('/protected', token)).text()).toContain('revoked')
  })

  it('all sessions are still revoked within REVOCATION_SECONDS when an operator revokes all', async () => {
    const isolate = createIsolate()
    await addRevoked(MAX_REVOKED + 1)
    const { access_token: token } = await startSession()
    expect((await isolate.get('/protected', token)).status).toBe(200)
    await markEveryoneRevoked(env.DB)
    advance(5)
    expect((await isolate.get('/protected', token)).status).toBe(401)
  })

  it('a lookup that fails is a 503, not an accepted request (ASVS 16.5.3)', async () => {
    const isolate = createIsolate()
    await addRevoked(MAX_REVOKED + 1)
    const { access_token: token } = await startSession()
    expect((await isolate.get('/protected', token)).status).toBe(200)
    advance(5)
    isolate.fault = { at: isolate.statements + 1, when: 'before' }
    expect((await isolate.get('/protected', token)).status).toBe(503)
    expect((await isolate.get('/protected', token)).status).toBe(200)
  })

  it('guarded requests read no database again after the list has become short', async () => {
    const isolate = createIsolate()
    await addRevoked(MAX_REVOKED + 1, 900)
    const { access_token: token } = await startSession()
    await isolate.get('/protected', token)
    advance(61) // the revocations are older than any access token
    await isolate.get('/protected', token)
    const cost = await countOf(isolate, async () => {
      for (let request = 0; request < 100; request += 1) await isolate.get('/protected', token)
    })
    expect(cost).toEqual({ statements: 0, rows: 0 })
  })
})
