import { describe, expect, it } from 'vitest'

import { app } from '../src/app.ts'
import { OPERATIONS } from '../src/openapi.ts'
import { requireDescribed } from './openapi.ts'

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
    await expect(requireDescribed('GET', '/protected', response)).rejects.toThrow('src/openapi.ts')
  })

  it('and lets pass what is described', async () => {
    await expect(
      requireDescribed('GET', '/protected?x', answer({ message: 'x' })),
    ).resolves.toBeUndefined()
  })
})
