import { beforeEach, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import { findUnguarded, listEndpoints } from '../audit.ts'
import { addUser, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

beforeEach(() => addUser())

/** Returns which types of token the route accepts; each is tested with a new session. */
async function findAcceptedTypes({
  method,
  path,
}: {
  method: string
  path: string
}): Promise<string> {
  const accepted: string[] = []
  for (const type of ['access', 'refresh'] as const) {
    const tokens = await startSession()
    const headers = { Authorization: `Bearer ${tokens[`${type}_token`]}` }
    const response = await createIsolate().fetch(path, { method, headers })
    const text = `${response.status} ${await response.text()}`
    if (!/^401 \{"msg":"Only (non-)?refresh tokens are allowed"\}$/.test(text)) accepted.push(type)
  }
  return accepted.join(' and ')
}

it('among the guarded routes, only /refresh and /logout accept a refresh token, and only /refresh rejects an access token (ASVS 9.2.2, RFC 8725 3.11, 3.12)', async () => {
  const unguarded = await findUnguarded(app)
  const guarded = listEndpoints(app).filter(({ name }) => !unguarded.includes(name))
  const names = guarded.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['POST /refresh', 'POST /logout', 'GET /me']))
  const accepted: Record<string, string> = {}
  for (const endpoint of guarded) accepted[endpoint.name] = await findAcceptedTypes(endpoint)
  expect(accepted).toEqual({
    ...Object.fromEntries(names.map((name) => [name, 'access'])),
    'POST /refresh': 'refresh',
    'POST /logout': 'access and refresh',
  })
})
