import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { RevocationFeed } from '../../../src/auth/sessions/revoked-sessions.ts'
import { addUser, logged, startSession } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

describe('a session that was ended', () => {
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await addUser()
  })
  afterEach(() => vi.useRealTimers())

  it('is refused at once where it was ended, elsewhere no later than REVOCATION_SECONDS', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    expect((await there.get('/protected', token)).status).toBe(200)
    await here.post('/logout', token)
    expect((await here.get('/protected', token)).status).toBe(401)
    pass(2.4) // before half the bound: not even in the background
    expect((await there.get('/protected', token)).status).toBe(200)
    pass(2.6)
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('is refused from half the bound on where a request has passed in between', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    await there.get('/protected', token)
    await here.post('/logout', token)
    pass(2.5)
    expect((await there.get('/protected', token)).status).toBe(200) // reads in the background
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('is refused at once everywhere with REVOCATION_SECONDS = 0', async () => {
    const [here, there] = [createIsolate(), createIsolate({ REVOCATION_SECONDS: '0' })]
    const { access_token: token } = await startSession()
    expect((await there.get('/protected', token)).status).toBe(200)
    await here.post('/logout', token)
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('is refused for as long as its last access token is good', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    await here.post('/logout', token)
    const ask = async () => (await there.get('/protected', token)).text()
    for (let minute = 0; minute < 15; minute += 1) {
      expect(await ask()).toBe('{"msg":"Token has been revoked"}')
      pass(60)
    }
    pass(5)
    expect(await ask()).toBe('{"msg":"Token has expired"}')
  })

  it('is never let in by a failing database: 503 from the bound on, right again afterwards (ASVS 16.5.3)', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    const { access_token: good } = await startSession()
    await there.get('/protected', token)
    await here.post('/logout', token)
    there.fault = { at: there.statements + 1, when: 'before' }
    pass(5)
    const response = await there.get('/protected', token)
    expect(response.status).toBe(503)
    expect(response.headers.get('Retry-After')).toBe('5')
    expect((await there.get('/protected', token)).status).toBe(401)
    expect((await there.get('/protected', good)).status).toBe(200)
  })

  it('is never let in by a clock that steps back', async () => {
    const [here, there] = [createIsolate(), createIsolate()]
    const { access_token: token } = await startSession()
    pass(4)
    await there.get('/protected', token)
    await here.post('/logout', token)
    pass(-4)
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('is refused whatever lifetime its tokens had before that setting was lowered', async () => {
    const [here, there] = [createIsolate(), createIsolate({ ACCESS_TOKEN_SECONDS: '60' })]
    const { access_token: token } = await startSession()
    await here.post('/logout', token)
    pass(300)
    expect((await there.get('/protected', token)).status).toBe(401)
  })

  it('costs the guarded path no read: 1,000 requests, one read', async () => {
    const isolate = createIsolate()
    const { access_token: token } = await startSession()
    for (let request = 0; request < 1000; request += 1)
      expect((await isolate.get('/protected', token)).status).toBe(200)
    expect(isolate.statements).toBe(1)
  })

  it('under steady traffic costs one read in half of REVOCATION_SECONDS', async () => {
    const isolate = createIsolate()
    const { access_token: token } = await startSession()
    for (let request = 0; request < 250; request += 1) {
      await isolate.get('/protected', token)
      pass(0.1)
    }
    expect(isolate.statements).toBe(10)
  })
})

it('a background read that fails is left to the first request past the bound', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  const isolate = createIsolate()
  const { access_token: token } = await startSession()
  await isolate.get('/protected', token)
  isolate.fault = { at: isolate.statements + 1, when: 'before' }
  pass(3)
  expect((await isolate.get('/protected', token)).status).toBe(200)
  expect(logged.filter((line) => line.includes('failed'))).toEqual([])
  pass(2)
  expect((await isolate.get('/protected', token)).status).toBe(200)
  expect(isolate.statements).toBe(3)
  vi.useRealTimers()
})

describe('the feed itself', () => {
  const at = (now: number) => ({ now, maxAge: 5000 })
  const never = () => expect.unreachable('no background read')

  it('knows what was noted while a read was under way', async () => {
    const feed = new RevocationFeed()
    const read = Promise.withResolvers<string[]>()
    const asked = feed.includes({ id: 'b', startedAt: 1 }, at(0), () => read.promise, never)
    feed.note(['b'])
    read.resolve(['a'])
    expect(await asked).toBe(true)
    expect(await feed.includes({ id: 'b', startedAt: 1 }, at(1), async () => [], never)).toBe(true)
  })

  it('forgets what was noted once a later read does not list it', async () => {
    const feed = new RevocationFeed()
    feed.note(['a'])
    expect(await feed.includes({ id: 'a', startedAt: 1 }, at(0), async () => [], never)).toBe(false)
  })

  it('is not set back by an earlier read that answers late', async () => {
    const feed = new RevocationFeed()
    const slow = Promise.withResolvers<string[]>()
    const first = feed.includes({ id: 'a', startedAt: 1 }, at(0), () => slow.promise, never)
    expect(await feed.includes({ id: 'a', startedAt: 1 }, at(1), async () => ['a'], never)).toBe(
      true,
    )
    slow.resolve([])
    expect(await first).toBe(true)
    expect(await feed.includes({ id: 'a', startedAt: 1 }, at(2), async () => [], never)).toBe(true)
  })

  it('lets each request past the bound read for itself: no promise is shared', async () => {
    const feed = new RevocationFeed()
    let reads = 0
    const read = async () => {
      reads += 1
      return []
    }
    await Promise.all(
      [1, 2, 3].map(() => feed.includes({ id: 'a', startedAt: 1 }, at(0), read, never)),
    )
    expect(reads).toBe(3)
  })
})
