import { beforeEach, expect, it } from 'vitest'

import { app } from '../../src/app.ts'
import { findUnguarded, listEndpoints } from '../audit.ts'
import { addUser, startSession } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

beforeEach(() => addUser())

/** Which of a new session's tokens the route does not refuse for their kind. */
async function takenBy({ method, path }: { method: string; path: string }): Promise<string> {
  const taken: string[] = []
  for (const kind of ['access', 'refresh'] as const) {
    const tokens = await startSession()
    const headers = { Authorization: `Bearer ${tokens[`${kind}_token`]}` }
    const response = await createIsolate().fetch(path, { method, headers })
    const text = `${response.status} ${await response.text()}`
    if (!/^401 \{"msg":"Only (non-)?refresh tokens are allowed"\}$/.test(text)) taken.push(kind)
  }
  return taken.join(' and ')
}

it('of every guarded route, only /refresh and /logout take a refresh token, and only /refresh no access token (ASVS 9.2.2, RFC 8725 3.11, 3.12)', async () => {
  const unguarded = await findUnguarded(app)
  const guarded = listEndpoints(app).filter(({ name }) => !unguarded.includes(name))
  const names = guarded.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['POST /refresh', 'POST /logout', 'GET /me']))
  const taken: Record<string, string> = {}
  for (const endpoint of guarded) taken[endpoint.name] = await takenBy(endpoint)
  expect(taken).toEqual({
    ...Object.fromEntries(names.map((name) => [name, 'access'])),
    'POST /refresh': 'refresh',
    'POST /logout': 'access and refresh',
  })
})
