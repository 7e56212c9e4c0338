import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { every, except, some } from 'hono/combine'
import { HTTPException } from 'hono/http-exception'
import { beforeEach, describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import type { AppEnv } from '../../src/app-env.ts'
import { onError } from '../../src/http/error-response.ts'
import { openContext } from '../../src/middleware/context.ts'
import { jwtRequired } from '../../src/middleware/jwt.ts'
import { addUser, fetchApp, logged, login, now, readSegment, signSegments } from '../helpers.ts'
import { genuineHeader, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const handler = async (c: Context) => c.json('in')
const build = () => new Hono<AppEnv>().onError(onError).use(openContext)
const fetchFrom = (
  api: Pick<Hono<AppEnv>, 'request'>,
  path: string,
  token?: string,
  method = 'GET',
) => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {}
  return api.request(path, { method, headers }, env, createExecutionContext())
}

beforeEach(() => addUser())

/** Every way in which a developer may put a guard in front of a handler. */
const POSITIONS: [position: string, mount: (guard: MiddlewareHandler) => Hono<AppEnv>][] = [
  ['as a middleware of the route', (guard) => build().get('/x', guard, handler)],
  ['as a middleware of the router', (guard) => build().use(guard).get('/x', handler)],
  ['twice', (guard) => build().use(guard).get('/x', guard, handler)],
  ['inside every() with the handler', (guard) => build().get('/x', every(guard, handler))],
  ['inside nested every()', (guard) => build().get('/x', every(every(guard), handler))],
  ['inside some()', (guard) => build().get('/x', some(guard), handler)],
  ['inside except()', (guard) => build().use(except('/y', guard)).get('/x', handler)],
  [
    'in a wrapper around the handler',
    (guard) => build().get('/x', (c) => guard(c, async () => void (c.res = await handler(c)))),
  ],
  [
    'called in the handler',
    (guard) =>
      build().get('/x', async (c) => {
        await guard(c, async () => {})
        return handler(c)
      }),
  ],
  [
    'called by a middleware after the rest has run',
    (guard) =>
      build().use(guard, async (c) => {
        await guard(c, async () => {})
        return handler(c)
      }),
  ],
  ['in a sub-app', (guard) => build().route('/', new Hono<AppEnv>().use(guard).get('/x', handler))],
  [
    'in a sub-app with its own error handler',
    (guard) =>
      build().route('/', new Hono<AppEnv>().onError(onError).use(guard).get('/x', handler)),
  ],
  [
    'in a mounted app',
    (guard) =>
      build()
        .use('/x/*', guard)
        .mount('/x', () => Response.json('in')),
  ],
  ['for all methods', (guard) => build().all('/x', guard, handler)],
  ['with on()', (guard) => build().on(['GET', 'POST'], ['/x', '/z'], guard, handler)],
  ['under a base path', (guard) => build().basePath('/x').use(guard).get('/', handler)],
]

describe.each(POSITIONS)('a guard %s fails closed:', (_, mount) => {
  it('a request without a token gets 401', async () => {
    const response = await fetchFrom(mount(jwtRequired()), '/x')
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Missing Authorization Header"}')
  })

  it('a user without the role gets 403', async () => {
    const response = await fetchFrom(mount(jwtRequired({ roles: ['admin'] })), '/x', await login())
    expect(response.status).toBe(403)
  })

  it('a forged token gets 401', async () => {
    const forged = await signSegments(JSON.stringify(await genuineHeader()), '{}', {
      secret: 'a secret that is not that of the Worker',
    })
    expect((await fetchFrom(mount(jwtRequired()), '/x', forged)).status).toBe(401)
  })

  it('a valid token gets the response of the handler', async () => {
    const response = await fetchFrom(mount(jwtRequired()), '/x', await login())
    expect(response.status).toBe(200)
    expect(await response.json()).toBe('in')
  })
})

it.each(POSITIONS)(
  "a role required %s on top of the router's own guard is enforced",
  async (_, mount) => {
    const outer = build().use(jwtRequired())
    outer.route('/', mount(jwtRequired({ roles: ['admin'] })))
    expect((await fetchFrom(outer, '/x', await login())).status).toBe(403)
  },
)

describe('impossible guard options do not compile, and throw a TypeError that names the mistake:', () => {
  it.each<[mistake: string, create: () => unknown]>([
    [
      "'role'. The options are tokenType, optional, fresh, roles, acr, cookies.",
      // @ts-expect-error -- an unknown option
      () => jwtRequired({ fresh: 300, role: ['admin'] }),
    ],
    // @ts-expect-error -- an unknown option
    ["unknown option 'verifyType'", () => jwtRequired({ verifyType: false })],
    // @ts-expect-error -- optional roles
    ["'roles' cannot be optional", () => jwtRequired({ optional: true, roles: ['admin'] })],
    // @ts-expect-error -- an optional fresh login
    ["'fresh' cannot be optional", () => jwtRequired({ optional: true, fresh: 300 })],
    // @ts-expect-error -- an optional second factor
    ["'acr' cannot be optional", () => jwtRequired({ optional: true, acr: 'aal2' })],
    // @ts-expect-error -- no such level
    ["'acr' must be 'aal1' or 'aal2'", () => jwtRequired({ acr: 'aal3' })],
    // @ts-expect-error -- a refresh token
    ["'acr' requires access tokens", () => jwtRequired({ tokenType: 'any', acr: 'aal2' })],
    // @ts-expect-error -- a refresh token
    ["'acr' requires access tokens", () => jwtRequired({ tokenType: 'refresh', acr: 'aal1' })],
    // @ts-expect-error -- roles of a refresh token
    ["'roles' requires", () => jwtRequired({ tokenType: 'any', acr: 'aal1', roles: ['a'] })],
    ["'fresh' must be a whole number", () => jwtRequired({ fresh: Number(undefined) })],
    ["'fresh' must be a whole number", () => jwtRequired({ fresh: Infinity })],
    // @ts-expect-error -- out of range
    ["'fresh' must be a whole number", () => jwtRequired({ fresh: 0 })],
    // @ts-expect-error -- out of range
    ["'fresh' must be a whole number", () => jwtRequired({ fresh: -1 })],
    // @ts-expect-error -- out of range
    ["'fresh' must be a whole number", () => jwtRequired({ fresh: 0.5 })],
    // @ts-expect-error -- another type
    ["'fresh' must be a whole number", () => jwtRequired({ fresh: '300' })],
    // @ts-expect-error -- nobody could pass
    ["'roles' must be a list of one or more", () => jwtRequired({ roles: [] })],
    // @ts-expect-error -- another type
    ["'roles' must be a list", () => jwtRequired({ roles: 'admin' })],
    // @ts-expect-error -- refresh tokens have no roles
    ["'roles' requires access tokens", () => jwtRequired({ tokenType: 'any', roles: ['admin'] })],
    // @ts-expect-error -- a refresh token proves no recent login
    ["'fresh' requires access tokens", () => jwtRequired({ tokenType: 'refresh', fresh: 300 })],
    // @ts-expect-error -- an unknown type
    ["'tokenType' must be 'access'", () => jwtRequired({ tokenType: 'id' })],
    // @ts-expect-error -- the cookie contains a refresh token
    ['cookies contain refresh tokens', () => jwtRequired({ cookies: true })],
    // @ts-expect-error -- another type
    ["'cookies' must be true or false", () => jwtRequired({ tokenType: 'any', cookies: 'yes' })],
    // @ts-expect-error -- another type
    ["'optional' must be true or false", () => jwtRequired({ optional: 1 })],
    // @ts-expect-error -- not an own property of the rules
    ["unknown option 'constructor'", () => jwtRequired({ constructor: 1 })],
  ])('%s', (mistake, create) => {
    expect(create).toThrow(TypeError)
    expect(create).toThrow(mistake)
  })
})

describe('404 and 405 are the same with and without a token, wherever guards are mounted:', () => {
  it.each([
    ['OPTIONS', '/users', 405],
    ['PUT', '/users', 405],
    ['GET', '/users/', 404],
    ['GET', '/users/ada/nothing', 404],
    ['POST', '/protected', 405],
    ['GET', '/protected/', 404],
    ['DELETE', '/me', 405],
    ['GET', '/nothing', 404],
    ['GET', '/logout', 405],
  ])('%s %s: %i', async (method, path, status) => {
    const responses = [undefined, 'x.y.z', await login()].map((token) =>
      fetchApp(path, { method, headers: token ? { Authorization: `Bearer ${token}` } : {} }),
    )
    for (const response of await Promise.all(responses)) {
      expect(response.status).toBe(status)
      expect(response.headers.has('WWW-Authenticate')).toBe(false)
    }
  })

  it('a path behind nested and repeated guards is 404', async () => {
    const guard = jwtRequired()
    const api = build()
      .use(guard, guard)
      .use(jwtRequired({ roles: ['admin'] }))
    expect((await fetchFrom(api, '/x')).status).toBe(404)
  })

  it('a middleware that might respond is something behind the guard', async () => {
    const api = build()
      .use(jwtRequired())
      .use(async (_c, next) => next())
    expect((await fetchFrom(api, '/x')).status).toBe(401)
  })
})

describe('stacked guards add up:', () => {
  it('a revoked refresh token is rejected by a later guard that accepts any token', async () => {
    const api = build()
      .use(jwtRequired({ tokenType: 'refresh' }))
      .get('/x', jwtRequired({ tokenType: 'any' }), handler)
    const { access_token: access, refresh_token: token } = await startSession()
    expect((await fetchFrom(api, '/x', token)).status).toBe(200)
    await createIsolate().post('/logout', access)
    expect((await fetchFrom(api, '/x', token)).status).toBe(401)
  })

  it('a claim that a middleware puts into c.var.user counts for nothing', async () => {
    const api = build()
      .use(async (c, next) => {
        c.set('user' as never, { sub: 'admin', roles: ['admin'], type: 'access' } as never)
        await next()
      })
      .get('/x', jwtRequired({ roles: ['admin'] }), handler)
    expect((await fetchFrom(api, '/x')).status).toBe(401)
  })
})

describe('a guard with { fresh } believes the database and not the token:', () => {
  const api = build().get('/x', jwtRequired({ fresh: 300 }), handler)
  const forge = async (change: object) => {
    const genuine = readSegment(await login(), 1)
    const header = JSON.stringify(await genuineHeader())
    return signSegments(header, JSON.stringify({ ...genuine, ...change }))
  }

  it.each([
    ['a session that does not exist', { sid: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ["another user in one's session", { sub: 'admin' }],
  ])('a token signed with a leaked secret for %s is rejected', async (_, change) => {
    const token = await forge(change)
    const response = await fetchFrom(api, '/x', token)
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"msg":"Token has been revoked"}')
  })

  it('a token signed with a leaked secret cannot claim a later login', async () => {
    const token = await forge({ auth_time: now() + 1 })
    await env.DB.prepare('UPDATE sessions SET created_at = created_at - 1000').run()
    expect((await fetchFrom(api, '/x', token)).status).toBe(401)
  })

  it('a token signed with a leaked secret cannot claim roles', async () => {
    const admins = build().get('/x', jwtRequired({ fresh: 300, roles: ['admin'] }), handler)
    expect((await fetchFrom(admins, '/x', await forge({ roles: ['admin'] }))).status).toBe(403)
  })

  it('with REVOCATION_SECONDS = 0 each request costs one statement of at most two rows', async () => {
    const isolate = createIsolate({ REVOCATION_SECONDS: '0' })
    const token = await login()
    for (let request = 1; request <= 3; request += 1) {
      expect((await isolate.get('/protected', token)).status).toBe(200)
      expect(isolate.statements).toBe(request)
    }
    expect(isolate.rowsRead).toBeLessThanOrEqual(6)
  })
})

describe("exceptions of Hono's own middleware:", () => {
  it('basicAuth keeps its status and its challenge', async () => {
    const api = build()
      .use(basicAuth({ username: 'a', password: 'b' }))
      .get('/x', handler)
    const response = await fetchFrom(api, '/x')
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toContain('Basic')
  })

  it('a thrown 503 is logged and carries the id of its log line', async () => {
    const api = build().get('/x', () => {
      throw new HTTPException(503, { message: 'try later' })
    })
    const response = await fetchFrom(api, '/x')
    expect(response.status).toBe(503)
    expect(await response.text()).toBe('{"error":"try later"}')
    const line = JSON.parse(logged.at(-1) ?? '')
    expect(line).toMatchObject({ event: 'error', level: 'error', reason: 'try later' })
    expect(response.headers.get('X-Request-Id')).toBe(line.requestId)
  })

  it('the assembled app still guards what it guarded', async () => {
    expect((await app.request('/protected', {}, env)).status).toBe(401)
  })
})
