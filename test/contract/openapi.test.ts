import { describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import { account } from '../../src/routes/account.ts'
import { factors } from '../../src/routes/factors.ts'
import { health } from '../../src/routes/health.ts'
import { jwks } from '../../src/routes/jwks.ts'
import { login } from '../../src/routes/login.ts'
import { logout } from '../../src/routes/logout.ts'
import { refresh } from '../../src/routes/refresh.ts'
import { sessions } from '../../src/routes/sessions.ts'
import { signup } from '../../src/routes/signup.ts'
import { users } from '../../src/routes/users.ts'
import { OPERATIONS } from '../../src/contract/operations.ts'
import { COSMO, addUser, fetchApp, login as logIn, postJson } from '../helpers.ts'
import { requireDescribed } from './require-described.ts'

/** The routers of Latchkey itself. Your own routes need no description. */
const routers = { account, factors, health, jwks, login, logout, refresh, sessions, signup }

const listRoutes = (router: Pick<typeof app, 'routes'>) =>
  router.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)

it.each(Object.entries(routers))(
  'the OpenAPI document describes each route of %s',
  (_, router: Pick<typeof app, 'routes'>) => {
    expect(Object.keys(OPERATIONS)).toEqual(expect.arrayContaining(listRoutes(router)))
  },
)

it('the OpenAPI document describes each route of users, and only routes that exist', () => {
  const described = Object.keys(OPERATIONS)
  const ofUsers = listRoutes(users).map((route) =>
    route.replace(/ \/$/, ' ').replace(' ', ' /users'),
  )
  expect(described).toEqual(expect.arrayContaining(ofUsers))
  expect(listRoutes(app)).toEqual(expect.arrayContaining(described))
})

describe('requireDescribed', () => {
  const respond = (body: object, status = 200) => Response.json(body, { status })

  it.each([
    ['an undescribed status', respond({ message: 'x' }, 418)],
    ['an undescribed field', respond({ message: 'x', password_hash: 'x' })],
    ['a missing field', respond({})],
  ])('requireDescribed throws for %s', async (_, response) => {
    await expect(requireDescribed('GET', '/protected', response)).rejects.toThrow(
      'src/contract/operations.ts',
    )
  })

  it('requireDescribed accepts a response that matches the OpenAPI document', async () => {
    await expect(
      requireDescribed('GET', '/protected?x', respond({ message: 'x' })),
    ).resolves.toBeUndefined()
  })
})

describe('the example in the OpenAPI document matches the response of', () => {
  it.each(['/protected', '/secure-data', '/me', '/health', '/ready'])('GET %s', async (path) => {
    await addUser()
    const headers = { Authorization: `Bearer ${await logIn()}` }
    const body = await (await fetchApp(path, { headers })).json<object>()
    const example = OPERATIONS[`GET ${path}`]?.example.response
    expect({ ...body, auth_time: 0 }).toEqual({ ...example, auth_time: 0 })
  })

  it('POST /login', async () => {
    await addUser()
    const example = OPERATIONS['POST /login']?.example
    expect(example?.body).toEqual(COSMO)
    const body = await (await postJson('/login', example?.body)).json<object>()
    expect(Object.keys(body)).toEqual(Object.keys(example?.response ?? {}))
  })
})
