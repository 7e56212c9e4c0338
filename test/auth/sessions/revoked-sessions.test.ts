import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { RevokedSessions } from '../../../src/auth/sessions/revoked-sessions.ts'
import type { RevokedList } from '../../../src/db/session-revocation.ts'
import { addUser, logged, startSession } from '../../helpers.ts'
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
  const listOf = (...ids: string[]) => ({ ids, revokedBefore: 0 })
  const noBackgroundRead = () => expect.unreachable('no background read')

  it('RevokedSessions contains a session that was revoked during a read', async () => {
    const read = Promise.withResolvers<RevokedList>()
    const reads = [read.promise, listOf()]
    const revoked = new RevokedSessions(async () => reads.shift() ?? listOf())
    const first = revoked.has(B, at(0), noBackgroundRead)
    revoked.add(['b'])
    read.resolve(listOf('a'))
    expect(await first).toBe(true)
    expect(await revoked.has(B, at(1), noBackgroundRead)).toBe(true)
  })

  it('RevokedSessions drops a locally revoked session once a later read does not contain it', async () => {
    const revoked = new RevokedSessions(async () => listOf())
    revoked.add(['a'])
    expect(await revoked.has(A, at(0), noBackgroundRead)).toBe(false)
  })

  it('RevokedSessions is not overwritten by an earlier read that responds late', async () => {
    const slow = Promise.withResolvers<RevokedList>()
    const reads = [slow.promise, listOf('a')]
    const revoked = new RevokedSessions(async () => reads.shift() ?? listOf())
    const first = revoked.has(A, at(0), noBackgroundRead)
    expect(await revoked.has(A, at(1), noBackgroundRead)).toBe(true)
    slow.resolve(listOf())
    expect(await first).toBe(true)
    expect(await revoked.has(A, at(2), noBackgroundRead)).toBe(true)
  })

  it('each request reads an outdated RevokedSessions separately, because requests cannot share a promise', async () => {
    let reads = 0
    const revoked = new RevokedSessions(async () => {
      reads += 1
      return listOf()
    })
    await Promise.all([1, 2, 3].map(() => revoked.has(A, at(0), noBackgroundRead)))
    expect(reads).toBe(3)
  })
})
