import { beforeEach, expect, it } from 'vitest'

import { addUser, fetchApp, getWithToken, login } from '../helpers.ts'

beforeEach(() => addUser())

it.each([
  ['/protected', '{"message":"This is a protected route, and you are authenticated!"}'],
  ['/secure-data', '{"message":"This is secure data, and you are authenticated!"}'],
])('GET %s with a good token is 200, without one 401', async (path, body) => {
  const answered = await getWithToken(path, await login())
  expect(answered.status).toBe(200)
  expect(await answered.text()).toBe(body)

  const refused = await fetchApp(path)
  expect(refused.status).toBe(401)
  expect(await refused.text()).toBe('{"msg":"Missing Authorization Header"}')
  expect(refused.headers.get('WWW-Authenticate')).toBe('Bearer realm="latchkey"')
})

it('HEAD follows GET: the same status and headers, no body (RFC 9110 9.3.2)', async () => {
  const headers = { Authorization: `Bearer ${await login()}` }
  const get = await fetchApp('/protected', { headers })
  const head = await fetchApp('/protected', { method: 'HEAD', headers })
  expect(head.status).toBe(200)
  expect([...head.headers]).toEqual([...get.headers])
  expect(await head.text()).toBe('')
  expect((await fetchApp('/protected', { method: 'HEAD' })).status).toBe(401)
})

it.each([
  ['a query', '/protected?access_token='],
  ['another query', '/protected?jwt='],
])('a token in %s is not read (RFC 6750 5.3, ASVS 14.2.1)', async (_, path) => {
  const response = await fetchApp(path + (await login()))
  expect(response.status).toBe(401)
  expect(await response.text()).toBe('{"msg":"Missing Authorization Header"}')
})
