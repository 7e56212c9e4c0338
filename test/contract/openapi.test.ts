import { describe, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import { OPERATIONS } from '../../src/contract/operations.ts'
import { COSMO, addUser, fetchApp, login, postJson } from '../helpers.ts'
import { requireDescribed } from './require-described.ts'

it('the description has every route of the assembled app, and no other', () => {
  const routes = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  expect(Object.keys(OPERATIONS).toSorted()).toEqual([...new Set(routes)].toSorted())
})

describe('each answer in the tests is held against the description, which catches', () => {
  const answer = (body: object, status = 200) => Response.json(body, { status })

  it.each([
    ['a status that is not described', answer({ message: 'x' }, 418)],
    ['a field that is not described', answer({ message: 'x', password_hash: 'x' })],
    ['a field that is missing', answer({})],
  ])('%s', async (_, response) => {
    await expect(requireDescribed('GET', '/protected', response)).rejects.toThrow(
      'src/contract/operations.ts',
    )
  })

  it('and lets pass what is described', async () => {
    await expect(
      requireDescribed('GET', '/protected?x', answer({ message: 'x' })),
    ).resolves.toBeUndefined()
  })
})

describe('the examples are true:', () => {
  it.each(['/protected', '/secure-data', '/me', '/health', '/ready'])('GET %s', async (path) => {
    await addUser()
    const headers = { Authorization: `Bearer ${await login()}` }
    const answer = await (await fetchApp(path, { headers })).json<object>()
    const example = OPERATIONS[`GET ${path}`]?.example.answer
    expect({ ...answer, auth_time: 0 }).toEqual({ ...example, auth_time: 0 })
  })

  it('POST /login', async () => {
    await addUser()
    const example = OPERATIONS['POST /login']?.example
    expect(example?.body).toEqual(COSMO)
    const answer = await (await postJson('/login', example?.body)).json<object>()
    expect(Object.keys(answer)).toEqual(Object.keys(example?.answer ?? {}))
  })
})
