import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'

import { addUser, COSMO, login } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const ADMIN = { username: 'ada', password: 'analytical engine' }

const insertMany = (count: number) =>
  env.DB.prepare(
    `WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?1)
     INSERT INTO users (username, folded, password_hash, roles, created_at)
     SELECT printf('user%07d', n), printf('user%07d', n), 'hash', '["reader"]', 1 FROM counter`,
  )
    .bind(count)
    .run()

it('a login, a page of users and a change read as many rows with 1,000,000 users as with 10', async () => {
  await addUser()
  await addUser(ADMIN, ['admin'])
  const measure = async () => {
    const tables = ['sessions', 'login_failures']
    await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)))
    const token = await login(ADMIN)
    const isolate = createIsolate()
    const send = (method: string, path: string, body?: object) =>
      isolate.fetch(path, {
        method,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      })
    const rows: Record<string, number> = {}
    const REQUESTS: [string, () => Promise<Response>][] = [
      ['login', () => send('POST', '/login', COSMO)],
      ['page', () => send('GET', '/users?limit=5')],
      ['prefix', () => send('GET', '/users?limit=3&prefix=USER')],
      ['next page', () => send('GET', '/users?limit=3&prefix=user&after=user0000002')],
      ['change', () => send('PATCH', '/users/cosmo', { roles: ['editor'] })],
      ['last admin', () => send('DELETE', '/users/ada')],
    ]
    for (const [name, request] of REQUESTS) {
      isolate.rowsRead = 0
      const { status } = await request()
      expect({ name, status }).toEqual({ name, status: name === 'last admin' ? 409 : 200 })
      rows[name] = isolate.rowsRead
    }
    return rows
  }
  await insertMany(8)
  await measure() // the first login from a device reads more counters
  const withTen = await measure()
  await env.DB.prepare("DELETE FROM users WHERE username LIKE 'user%'").run()
  await insertMany(999_998)
  expect(await measure()).toEqual(withTen)
  for (const count of Object.values(withTen)) expect(count).toBeGreaterThan(0)
  expect(Math.max(...Object.values(withTen))).toBeLessThan(50)
}, 120_000)
