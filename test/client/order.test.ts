import { env } from 'cloudflare:workers'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'

import { createClient } from '../../src/client/client.ts'
import { addUser, readSegment } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'
import { stubBrowser } from './browser-stub.ts'
import { BASE, createNetwork, passSeconds, setUpClientTests } from './network.ts'

setUpClientTests()

const PASSWORD = 'x'
const USERS = ['ada', 'eve']
beforeEach(async () => {
  for (const username of USERS) await addUser({ username, password: PASSWORD })
})

type Session = ReturnType<typeof createClient>['session']
type Action = 'ada' | 'eve' | 'wrong' | 'logout' | 'refresh' | 'fetch' | 'expire'
const ACTIONS: Action[] = ['ada', 'eve', 'wrong', 'logout', 'refresh', 'fetch', 'expire']
type Story = { expired: boolean; steps: { tab: number; action: Action }[] }

/** What overlaps in one or several tabs after a login of ada, whose access token may have expired. */
const stories = (tabs: number): fc.Arbitrary<Story> =>
  fc.record({
    expired: fc.boolean(),
    steps: fc.array(fc.record({ tab: fc.nat(tabs - 1), action: fc.constantFrom(...ACTIONS) }), {
      minLength: 2,
      maxLength: 5,
    }),
  })

const readOwner = (token = '') => (token === '' ? undefined : readSegment(token, 1).sub)
const readUser = ({ tokens }: Session) => readOwner(tokens?.access_token)

/** Returns whose request it was, according to the Worker. */
async function fetchUser(session: Session): Promise<string | undefined> {
  const response = await session.fetch('/me')
  const body = await response.json<{ username?: string }>()
  return response.ok ? body.username : undefined
}

/**
 * Creates a network in which the scheduler decides when each request arrives, and when its response.
 * `owner` is who was logged in last according to the Worker.
 */
function createWorld(scheduler: fc.Scheduler) {
  const { fetch } = createIsolate()
  const pause = (label: string) => scheduler.schedule(Promise.resolve(), label)
  const forward: typeof fetch = async (path, init) => {
    await pause(`request ${path}`)
    network.atWork += 1
    const response = await fetch(path, init)
    network.atWork -= 1
    passSeconds(0.001)
    if (path === '/login' && response.ok) network.owner = JSON.parse(String(init?.body)).username
    if (path.startsWith('/logout')) network.owner = undefined
    await pause(`response ${path}`)
    return response
  }
  /** Lets the scheduler choose only while the Worker rests: otherwise its slow login would always be last. */
  async function drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    void work.catch(() => {}).then(() => (isDone = true))
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve))
      if (network.atWork > 0) continue
      if (scheduler.count() > 0) await scheduler.waitOne()
      else if (isDone) return work
    }
  }
  const network = Object.assign(createNetwork({ fetch: forward }), {
    atWork: 0,
    owner: undefined as string | undefined,
  })
  return { network, pause, drive }
}

async function act(session: Session, action: Action): Promise<void> {
  if (action === 'expire') return void passSeconds(1000)
  if (action === 'refresh') return void (await session.refresh())
  if (action === 'logout') return void (await session.logout())
  if (action === 'fetch') {
    const before = readUser(session)
    const user = await fetchUser(session)
    // A request is answered as the user who was logged in when it was made, or not at all.
    if (before !== undefined && user !== undefined) expect(user).toBe(before)
    return
  }
  const username = action === 'wrong' ? 'ada' : action
  const password = action === 'wrong' ? 'wrong' : PASSWORD
  await session.login({ username, password })
}

/** Runs a story in an order of the scheduler's, and returns once everything has arrived. */
async function run(
  { pause, drive }: ReturnType<typeof createWorld>,
  sessions: Session[],
  { expired, steps }: Story,
): Promise<void> {
  await env.DB.prepare('DELETE FROM login_failures').run()
  const [first] = sessions
  if (first) await drive(act(first, 'ada'))
  for (const session of sessions) await drive(session.refresh())
  if (expired) passSeconds(1000)
  const started = steps.map(async ({ tab, action }) => {
    await pause(action)
    const session = sessions[tab]
    if (session) await act(session, action)
  })
  await drive(Promise.all(started))
}

const RUNS = { numRuns: 40 }

describe('when calls overlap, the last change of the login decides whose client it is:', () => {
  it.each(['memory', 'store', 'cookie'])('with the refresh token in: %s', async (mode) => {
    const property = fc.asyncProperty(fc.scheduler(), stories(1), async (scheduler, story) => {
      const world = createWorld(scheduler)
      const { network, pause, drive } = world
      let stored: string | undefined
      const save = async (token?: string) => {
        await pause('save')
        stored = token
      }
      const store = { load: async () => stored, save }
      const options = { cookie: mode === 'cookie', ...(mode === 'store' && { store }) }
      const { session } = createClient(BASE, { fetch: network.fetch, ...options })
      await run(world, [session], story)
      expect(readUser(session)).toBe(network.owner)
      const [, cookie = ''] = network.cookie.split('=')
      const kept = mode === 'cookie' ? cookie : stored
      expect(readOwner(kept)).toBe(mode === 'memory' ? undefined : network.owner)
      passSeconds(1000)
      expect(await drive(fetchUser(session))).toBe(network.owner)
    })
    await fc.assert(property, RUNS)
  })

  it('in two tabs, whose messages arrive late', async () => {
    const property = fc.asyncProperty(fc.scheduler(), stories(2), async (scheduler, story) => {
      const world = createWorld(scheduler)
      stubBrowser((send) => void world.pause('message').then(send))
      const options = { fetch: world.network.fetch, cookie: true }
      const sessions = [1, 2].map(() => createClient(BASE, options).session)
      await run(world, sessions, story)
      for (const session of sessions) {
        expect([undefined, world.network.owner]).toContain(readUser(session))
        expect(await world.drive(fetchUser(session))).toBe(world.network.owner)
      }
    })
    await fc.assert(property, RUNS)
  })
})
