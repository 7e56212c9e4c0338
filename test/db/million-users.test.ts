import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'

import { addUser, COSMO, login } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const ADMIN = { username: 'ada', password: 'analytical engine' }

const addMany = (count: number) =>
  env.DB.prepare(
    `WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?1)
     INSERT INTO users (username, folded, password_hash, roles, created_at)
     SELECT printf('user%07d', n), printf('user%07d', n), 'hash', '["reader"]', 1 FROM counter`,
  )
    .bind(count)
    .run()

it('of 1,000,000 users a login, a page and a change read as many rows as of 10', async () => {
  await addUser()
  await addUser(ADMIN, ['admin'])
  const measure = async () => {
    const tables = ['sessions', 'login_failures']
    await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)))
    const token = await login(ADMIN)
    const isolate = createIsolate()
    const ask = (method: string, path: string, body?: object) =>
      isolate.fetch(path, {
        method,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
    const rows: Record<string, number> = {}
    const WAYS: [string, () => Promise<Response>][] = [
      ['login', () => ask('POST', '/login', COSMO)],
      ['page', () => ask('GET', '/users?limit=5')],
      ['prefix', () => ask('GET', '/users?limit=3&prefix=USER')],
      ['next page', () => ask('GET', '/users?limit=3&prefix=user&after=user0000002')],
      ['change', () => ask('PATCH', '/users/cosmo', { roles: ['editor'] })],
      ['last admin', () => ask('DELETE', '/users/ada')],
    ]
    for (const [name, way] of WAYS) {
      isolate.rowsRead = 0
      const { status } = await way()
      expect({ name, status }).toEqual({ name, status: name === 'last admin' ? 409 : 200 })
      rows[name] = isolate.rowsRead
    }
    return rows
  }
  await addMany(8)
  const ofTen = await measure()
  await env.DB.prepare("DELETE FROM users WHERE username LIKE 'user%'").run()
  await addMany(999_998)
  expect(await measure()).toEqual(ofTen)
  for (const count of Object.values(ofTen)) expect(count).toBeGreaterThan(0)
  expect(Math.max(...Object.values(ofTen))).toBeLessThan(50)
}, 120_000)
