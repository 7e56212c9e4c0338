import { beforeEach, expect, it } from 'vitest'

import { addUser, fetchApp, getWithToken, login } from '../helpers.ts'

beforeEach(() => addUser())

it.each([
  ['/protected', '{"message":"This is a protected route, and you are authenticated!"}'],
  ['/secure-data', '{"message":"This is secure data, and you are authenticated!"}'],
])('GET %s returns 200 with a valid token and 401 without one', async (path, body) => {
  const accepted = await getWithToken(path, await login())
  expect(accepted.status).toBe(200)
  expect(await accepted.text()).toBe(body)

  const rejected = await fetchApp(path)
  expect(rejected.status).toBe(401)
  expect(await rejected.text()).toBe('{"msg":"Missing Authorization Header"}')
  expect(rejected.headers.get('WWW-Authenticate')).toBe('Bearer realm="latchkey"')
})

it('HEAD returns the same status and headers as GET, without a body (RFC 9110 9.3.2)', async () => {
  const headers = { Authorization: `Bearer ${await login()}` }
  const get = await fetchApp('/protected', { headers })
  const head = await fetchApp('/protected', { method: 'HEAD', headers })
  expect(head.status).toBe(200)
  expect([...head.headers]).toEqual([...get.headers])
  expect(await head.text()).toBe('')
  expect((await fetchApp('/protected', { method: 'HEAD' })).status).toBe(401)
})

it.each([
  ['the query parameter access_token', '/protected?access_token='],
  ['the query parameter jwt', '/protected?jwt='],
])('a token in %s is ignored (RFC 6750 5.3, ASVS 14.2.1)', async (_, path) => {
  const response = await fetchApp(path + (await login()))
  expect(response.status).toBe(401)
  expect(await response.text()).toBe('{"msg":"Missing Authorization Header"}')
})
