import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'

import { app, onError } from '../../src/app.ts'
import { createClient } from '../../src/client/client.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { jwtRequired } from '../../src/middleware/jwt.ts'
import type { SessionOptions } from '../../src/public/session.js'
import { COSMO, addUser } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const BASE = 'https://latchkey.test'

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)

/** The way to the Worker: it counts what goes over it, can be broken, and keeps cookies as a browser does. */
function createWire({ fetch: to = createIsolate().fetch } = {}) {
  const wire = {
    sent: [] as string[],
    cookie: '',
    answerInstead: (_path: string): Response | undefined => undefined,
    count: (path: string) => wire.sent.filter((one) => one.endsWith(path)).length,
    async fetch(url: URL, init: RequestInit): Promise<Response> {
      wire.sent.push(`${init.method ?? 'GET'} ${url.pathname}`)
      const instead = wire.answerInstead(url.pathname)
      if (instead) return instead
      const headers = new Headers(init.headers)
      headers.set('Sec-Fetch-Site', 'same-origin')
      if (wire.cookie) headers.set('Cookie', wire.cookie)
      const response = await to(url.pathname + url.search, { ...init, headers })
      const [pair, maxAge] = response.headers.get('Set-Cookie')?.split('; ') ?? []
      if (pair) wire.cookie = maxAge === 'Max-Age=0' ? '' : pair
      return response
    },
  }
  return wire
}

/** A client that has logged in, and all it was told. */
async function logIn(options: SessionOptions = {}, wire = createWire()) {
  const signedOut = vi.fn<(reason: string) => void>()
  const client = createClient(BASE, { fetch: wire.fetch, onSignedOut: signedOut, ...options })
  expect((await client.session.login(COSMO)).status).toBe(200)
  return { ...client, wire, signedOut }
}

const endSessions = () => env.DB.prepare('UPDATE sessions SET revoked_at = 1').run()

describe('the types of a client are those of the routes', () => {
  it('so a right call compiles, and its answer is typed', async () => {
    const { api } = await logIn()
    const answer = await (await api.protected.$get()).json()
    expectTypeOf(answer).toEqualTypeOf<{ message: string }>()
    expect(answer.message).toBe('This is a protected route, and you are authenticated!')
    const me = await (await api.me.$get()).json()
    expectTypeOf(me).toEqualTypeOf<{
      username: string
      roles: readonly string[]
      auth_time: number
    }>()
    expect(me.username).toBe('cosmo')
    const page = await (await api.sessions.$get({ query: { limit: '5' } })).json()
    expectTypeOf(page.next).toEqualTypeOf<string | null>()
    const [session] = page.sessions
    const ended = await api.sessions[':id'].$delete({ param: { id: session?.id ?? '' } })
    expect(ended.status).toBe(200)
  })

  it('and a wrong one does not', () => {
    const { api, session } = createClient(BASE)
    const wrong = [
      // @ts-expect-error: no such route
      () => api.unprotected.$get(),
      // @ts-expect-error: another method
      () => api.protected.$post(),
      // @ts-expect-error: a field is missing
      () => api.me.password.$put({ json: { current_password: 'a' } }),
      // @ts-expect-error: a field of another type
      () => api.login.$post({ json: { username: 'a', password: 1 } }),
      // @ts-expect-error: no parameter
      () => api.sessions[':id'].$delete(),
      // @ts-expect-error: not a scope
      () => api.logout.$post({ query: { scope: 'everyone' } }),
      // @ts-expect-error: not a scope
      () => session.logout('everyone'),
      // @ts-expect-error: no password
      () => session.login({ username: 'cosmo' }),
      // @ts-expect-error: no such field
      async () => (await (await api.protected.$get()).json()).msg,
    ]
    expect(wrong).toHaveLength(9)
    type Login = Parameters<typeof api.login.$post>[0]['json']
    expectTypeOf<Login>().toEqualTypeOf<{
      username: string
      password: string
      cookie?: boolean | undefined
    }>()
    type Answer = Awaited<ReturnType<Awaited<ReturnType<typeof api.login.$post>>['json']>>
    expectTypeOf<Answer['refresh_token']>().toEqualTypeOf<string | undefined>()
  })
})

it('a client whose browser has kept no cookie ends its session by the access token', async () => {
  const { session, wire } = await logIn({ cookie: true })
  wire.cookie = ''
  expect((await session.logout()).status).toBe(200)
  const row = await env.DB.prepare('SELECT revoked_at FROM sessions').first()
  expect(row?.revoked_at).not.toBe(null)
})

describe.each([{ cookie: false }, { cookie: true }])('a client with %j', (mode) => {
  it('whose token has expired refreshes once for 20 callers, and each gets its answer', async () => {
    const { api, wire, signedOut } = await logIn(mode)
    pass(1000)
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.protected.$get()))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(wire.count('/refresh')).toBe(1)
    expect(wire.count('/protected')).toBe(40)
    const { results } = await env.DB.prepare('SELECT generation FROM sessions').all()
    expect(results).toEqual([{ generation: 1 }])
    expect(signedOut).not.toHaveBeenCalled()
  })

  it('whose session has ended says so once, and forgets it', async () => {
    const { api, session, wire, signedOut } = await logIn(mode)
    pass(1000)
    await endSessions()
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.protected.$get()))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(401))
    expect(wire.count('/refresh')).toBe(1)
    expect(signedOut.mock.calls).toEqual([['Token has been revoked']])
    expect(session.tokens).toBe(undefined)
    expect(wire.cookie).toBe('')
    wire.sent.length = 0
    expect((await api.protected.$get()).status).toBe(401)
    expect(wire.sent).toEqual(['GET /protected'])
  })

  it('tries once more and no oftener', async () => {
    const { api, wire } = await logIn(mode)
    const challenge = { 'WWW-Authenticate': 'Bearer realm="latchkey", error="invalid_token"' }
    wire.answerInstead = (path) =>
      path === '/protected' ? Response.json({}, { status: 401, headers: challenge }) : undefined
    expect((await api.protected.$get()).status).toBe(401)
    expect(wire.sent).toEqual(['POST /login', 'GET /protected', 'POST /refresh', 'GET /protected'])
  })

  it.each([
    ['503', () => new Response('{"error":"Service unavailable"}', { status: 503 })],
    ['429', () => new Response('{"error":"Too many tries"}', { status: 429 })],
  ])('that gets %s for its refresh hands that on, and keeps the login', async (_, answer) => {
    const { api, session, wire, signedOut } = await logIn(mode)
    pass(1000)
    wire.answerInstead = (path) => (path === '/refresh' ? answer() : undefined)
    const answers = await Promise.all([api.protected.$get(), api.protected.$get()])
    for (const refused of answers) {
      expect(refused.status).toBe(answer().status)
      expect(await refused.text()).toBe(await answer().text())
    }
    await expect(session.refresh()).rejects.toThrow('/refresh answered')
    wire.answerInstead = () => undefined
    expect((await api.protected.$get()).status).toBe(200)
    expect(signedOut).not.toHaveBeenCalled()
  })

  it('whose refresh does not get through fails, and keeps the login', async () => {
    const { api, wire, signedOut } = await logIn(mode)
    pass(1000)
    wire.answerInstead = (path) => {
      if (path === '/refresh') throw new TypeError('Failed to fetch')
      return undefined
    }
    await expect(api.protected.$get()).rejects.toThrow('Failed to fetch')
    wire.answerInstead = () => undefined
    expect((await api.protected.$get()).status).toBe(200)
    expect(signedOut).not.toHaveBeenCalled()
  })

  it('logs out, also with an access token that has expired', async () => {
    const { api, session, wire, signedOut } = await logIn(mode)
    pass(1000)
    expect((await session.logout()).status).toBe(200)
    expect(signedOut.mock.calls).toEqual([['logout']])
    const row = await env.DB.prepare('SELECT revoked_at FROM sessions').first()
    expect(row?.revoked_at).not.toBe(null)
    expect(wire.cookie).toBe('')
    expect((await api.protected.$get()).status).toBe(401)
    expect(wire.count('/refresh')).toBe(0)
  })

  it('signs a new user up, and is logged in', async () => {
    const wire = createWire(createIsolate({ SIGNUP: 'open' }))
    const { api, session } = createClient(BASE, { fetch: wire.fetch, ...mode })
    const ada = { username: 'ada', password: 'analytical engine' }
    expect((await session.signUp(ada)).status).toBe(201)
    expect(await (await api.me.$get()).json()).toMatchObject({ username: 'ada', roles: [] })
    pass(1000)
    expect((await api.protected.$get()).status).toBe(200)
  })

  it('that logs the others out keeps its own login', async () => {
    const [other, own] = [await logIn(mode), await logIn(mode)]
    expect((await own.session.logout('others')).status).toBe(200)
    expect((await own.api.protected.$get()).status).toBe(200)
    expect(own.signedOut).not.toHaveBeenCalled()
    pass(1000)
    expect((await other.api.protected.$get()).status).toBe(401)
    expect(other.signedOut).toHaveBeenCalledTimes(1)
  })

  it('that cannot reach the Worker to log out forgets its tokens all the same (ASVS 14.3.1)', async () => {
    const { session, wire, signedOut } = await logIn(mode)
    wire.answerInstead = () => {
      throw new TypeError('Failed to fetch')
    }
    await expect(session.logout()).rejects.toThrow('Failed to fetch')
    expect(session.tokens).toBe(undefined)
    expect(signedOut.mock.calls).toEqual([['logout']])
  })

  it('whose login is refused has none, and tries nothing more', async () => {
    const wire = createWire()
    const { session } = createClient(BASE, { fetch: wire.fetch, ...mode })
    const response = await session.login({ ...COSMO, password: 'wrong' })
    expect(await response.json()).toEqual({ error: 'Bad username or password' })
    expect(session.tokens).toBe(undefined)
    expect(wire.sent).toEqual(['POST /login'])
  })
})

it('a 401 that no new token would mend is handed on: the login is too old (RFC 9470 3)', async () => {
  const extended = new Hono<AppEnv>()
    .onError(onError)
    .get('/fresh', jwtRequired({ fresh: 60 }), (c) => c.json('fresh'))
    .route('/', app)
  const { fetch: ask } = createIsolate({}, extended)
  const { session, wire } = await logIn({}, createWire({ fetch: ask }))
  expect((await session.fetch('/fresh')).status).toBe(200)
  pass(61)
  const response = await session.fetch('/fresh')
  expect(await response.json()).toEqual({ msg: 'Fresh token required' })
  expect(wire.sent).toEqual(['POST /login', 'GET /fresh', 'GET /fresh'])
})

it('a caller who hears late that its token has expired takes the one that has come meanwhile', async () => {
  const { fetch: ask } = createIsolate()
  let letGo = () => {}
  const slow = new Promise<void>((resolve) => (letGo = resolve))
  const late: typeof ask = async (path, init) => {
    const response = await ask(path, init)
    if (path === '/me' && response.status === 401) await slow
    return response
  }
  const { api, wire } = await logIn({}, createWire({ fetch: late }))
  pass(1000)
  const waiting = api.me.$get()
  expect((await api.protected.$get()).status).toBe(200)
  letGo()
  expect((await waiting).status).toBe(200)
  expect(wire.count('/refresh')).toBe(1)
})

describe('a login outlives its client', () => {
  it('in the cookie: after a reload the first request refreshes, and no script has seen that token', async () => {
    const { wire, session } = await logIn({ cookie: true })
    expect(JSON.stringify(session.tokens)).not.toContain('refresh_token')
    const reloaded = createClient(BASE, { fetch: wire.fetch, cookie: true })
    wire.sent.length = 0
    const answers = await Promise.all([1, 2, 3].map(() => reloaded.api.protected.$get()))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(wire.count('/refresh')).toBe(1)
    expect(wire.count('/protected')).toBe(3)
  })

  it('in a store, which always holds the newest refresh token, and none after a logout', async () => {
    const kept: (string | undefined)[] = []
    const store = { load: () => kept.at(-1), save: (token?: string) => void kept.push(token) }
    const { wire } = await logIn({ store })
    const restarted = createClient(BASE, { fetch: wire.fetch, store })
    expect(await restarted.session.refresh()).toBe(true)
    expect((await restarted.api.protected.$get()).status).toBe(200)
    await restarted.session.logout()
    expect(new Set(kept).size).toBe(3)
    expect(kept.at(-1)).toBe(undefined)
  })

  it('and without one there is nothing to say: no event, one try', async () => {
    const wire = createWire()
    const signedOut = vi.fn<(reason: string) => void>()
    const options = { fetch: wire.fetch, cookie: true, onSignedOut: signedOut }
    const { api, session } = createClient(BASE, options)
    expect(await session.refresh()).toBe(false)
    expect((await api.protected.$get()).status).toBe(401)
    expect(wire.sent).toEqual(['POST /refresh', 'GET /protected'])
    expect(signedOut).not.toHaveBeenCalled()
  })

  it('unless it was ended meanwhile: then the page is told', async () => {
    const { wire } = await logIn({ cookie: true })
    await endSessions()
    const signedOut = vi.fn<(reason: string) => void>()
    const options = { fetch: wire.fetch, cookie: true, onSignedOut: signedOut }
    expect(await createClient(BASE, options).session.refresh()).toBe(false)
    expect(signedOut.mock.calls).toEqual([['Token has been revoked']])
  })
})

it('the token goes to its own API and nowhere else (ASVS 14.2.1)', async () => {
  const { session, wire } = await logIn()
  for (const url of ['https://evil.example/', '//evil.example/protected', 'http://latchkey.test/'])
    await expect(session.fetch(url)).rejects.toThrow('The token is for its own API alone')
  expect(wire.sent).toEqual(['POST /login'])
})

describe('the tabs of a browser', () => {
  /** What browsers have and workerd lacks; news comes late, as it may between processes. */
  function stubBrowser() {
    const channels: { name: string; listener?: (event: { data: unknown }) => void }[] = []
    class BroadcastChannel {
      name: string
      listener = (_event: { data: unknown }) => {}
      constructor(name: string) {
        this.name = name
        channels.push(this)
      }
      addEventListener = (_type: string, listener: typeof this.listener) => {
        this.listener = listener
      }
      postMessage(data: unknown) {
        for (const channel of channels)
          if (channel !== this && channel.name === this.name)
            setTimeout(() => channel.listener?.({ data }), 20)
      }
    }
    let last: Promise<unknown> | undefined
    const request = async (
      _name: string,
      options: { ifAvailable?: boolean },
      work: (lock: unknown) => Promise<unknown>,
    ): Promise<unknown> => {
      if (options.ifAvailable && last) return work(null)
      const mine: Promise<unknown> = (last ?? Promise.resolve()).then(() => work({}))
      const settled = mine.catch(() => {})
      last = settled
      void settled.then(() => (last = last === settled ? undefined : last))
      return mine
    }
    vi.stubGlobal('navigator', { locks: { request } })
    vi.stubGlobal('BroadcastChannel', BroadcastChannel)
  }

  async function openTabs(count: number) {
    stubBrowser()
    const first = await logIn({ cookie: true })
    const { wire } = first
    const tabs = Array.from({ length: count - 1 }, () => {
      const signedOut = vi.fn<(reason: string) => void>()
      const options = { fetch: wire.fetch, cookie: true, onSignedOut: signedOut }
      return { ...createClient(BASE, options), signedOut }
    })
    wire.sent.length = 0
    return { wire, tabs: [first, ...tabs] }
  }

  it('refresh once for all of them, and each has its answer', async () => {
    const { tabs, wire } = await openTabs(5)
    pass(1000)
    const answers = await Promise.all(tabs.map(({ api }) => api.protected.$get()))
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200))
    expect(wire.count('/refresh')).toBe(1)
    expect(new Set(tabs.map(({ session }) => session.tokens?.access_token)).size).toBe(1)
  })

  it('each refresh when the one before could not', async () => {
    const { tabs, wire } = await openTabs(2)
    pass(1000)
    let fails = 1
    wire.answerInstead = (path) =>
      path === '/refresh' && fails-- > 0 ? new Response('', { status: 503 }) : undefined
    const answers = await Promise.all(tabs.map(({ api }) => api.protected.$get()))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 503])
  })

  it('are all logged out by one of them', async () => {
    const {
      tabs: [one, other],
      wire,
    } = await openTabs(2)
    await other?.session.refresh()
    await one?.session.logout()
    await vi.waitFor(() => expect(other?.signedOut.mock.calls).toEqual([['logout']]))
    expect((await other?.api.protected.$get())?.status).toBe(401)
    expect(wire.count('/refresh')).toBe(1)
  })
})
