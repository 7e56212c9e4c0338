import { env, exports } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { argon2id } from '../../src/auth/argon2.ts'
import { hashPassword } from '../../src/auth/passwords.ts'
import { insertUser } from '../../src/db/users.ts'

it('works', async () => {
  await insertUser(env.DB, { username: 'cosmo', passwordHash: hashPassword('space-corgi', argon2id), roles: [] }, 1)
  const go = async (path: string, init?: RequestInit) => {
    const r = await exports.default.fetch('http://x' + path, init)
    console.log(path, r.status, await r.clone().text(), JSON.stringify([...r.headers]))
    return r
  }
  const post = (b: string, t = 'application/json') => go('/login', { method: 'POST', body: b, headers: { 'content-type': t } })
  const r = await post('{"username":"cosmo","password":"space-corgi"}')
  const { access_token: token } = await r.json<{ access_token: string }>()
  const a = { headers: { authorization: 'Bearer ' + token } }
  await go('/protected', a)
  await go('/secure-data', a)
  await go('/protected')
  await go('/nope'); await go('/nope', a); await go('/login'); await go('/protected', { method: 'POST' }); await go('/protected', { method: 'HEAD' })
  await go('/protected', { headers: { authorization: 'Bearer ' + token + 'A' } })
  await post('{"username":"","__proto__":1,"constructor":2,"toString":3}')
  await post('{"username":1,"password":null}')
  await post('[]'); await post('nope'); await post(''); await post('{}', 'text/plain'); await post(JSON.stringify({ username: 'x'.repeat(9000) }))
  expect(r.status).toBe(200)
})
