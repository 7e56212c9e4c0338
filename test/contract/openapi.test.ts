import { describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import { protectedRoutes } from '../../src/routes/protected.ts'
import { OPERATIONS } from '../../src/contract/operations.ts'
import { COSMO, addUser, fetchApp, login, postJson } from '../helpers.ts'
import { requireDescribed } from './require-described.ts'

it('the OpenAPI document describes exactly the routes of Latchkey itself; your own need no description', () => {
  const lesson = new Set(['/protected', '/secure-data'])
  const own = new Set(
    protectedRoutes.routes.map(({ path }) => path).filter((path) => !lesson.has(path)),
  )
  const routes = app.routes
    .filter(({ path }) => !own.has(path))
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  expect(Object.keys(OPERATIONS).toSorted()).toEqual([...new Set(routes)].toSorted())
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
    const headers = { Authorization: `Bearer ${await login()}` }
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
