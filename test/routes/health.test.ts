import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { fetchApp, logged } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

/** Latchkey's own newest migration: yours have numbers from 1000 on. */
const newest = env.MIGRATIONS.findLast(({ name }) => name < '1000')?.name ?? ''

it('GET /health returns 200 without keys or a database', async () => {
  const isolate = createIsolate({ JWT_SECRET: '', DB: undefined })
  const response = await isolate.fetch('/health')
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('{"status":"ok"}')
})

describe('GET /ready', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }).setSystemTime(Date.now()))
  afterEach(() => vi.useRealTimers())

  it('GET /ready returns 200 after one round trip when settings, keys and database are valid', async () => {
    const isolate = createIsolate()
    const response = await isolate.fetch('/ready')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('{"status":"ready"}')
    expect(isolate.statements).toBe(1)
  })

  it.each([
    ['settings', { JWT_ISSUER: '' }],
    ['settings', { DB: undefined }],
    ['settings', { LOGIN_LIMITER: undefined }],
    ['settings', { REFRESH_LIMITER: undefined }],
    ['keys', { JWT_SECRET: 'super-secret' }],
    ['keys', { JWT_SECRET_NEXT: '{}' }],
    ['keys', { DATA_SECRET: '' }],
    ['keys', { DATA_SECRET_PREVIOUS: 'short' }],
  ])(
    'GET /ready returns 503 and names the invalid %s without details: %j (ASVS 13.4.5)',
    async (name, bindings) => {
      const response = await createIsolate(bindings).fetch('/ready')
      expect(response.status).toBe(503)
      expect(await response.text()).toBe(`{"error":"Not ready: ${name}"}`)
    },
  )

  it('GET /ready returns 503 while the database fails, then 200 again without a restart', async () => {
    const isolate = createIsolate()
    isolate.fault = { at: 1, when: 'before' }
    expect(await (await isolate.fetch('/ready')).text()).toBe('{"error":"Not ready: database"}')
    vi.setSystemTime(Date.now() + 5000)
    expect((await isolate.fetch('/ready')).status).toBe(200)
  })

  it('200 anonymous GET /ready requests within 5 seconds read the database once, and say how old the result is', async () => {
    const isolate = createIsolate()
    const ages: unknown[] = []
    for (let request = 0; request < 200; request += 1) {
      const response = await isolate.fetch('/ready')
      expect(response.status).toBe(200)
      ages.push(response.headers.get('Age'))
      vi.setSystemTime(Date.now() + 24)
    }
    expect(isolate.statements).toBe(1)
    expect([...new Set(ages)]).toEqual(['0', '1', '2', '3', '4'])
  })

  it.each([
    [200, undefined],
    [503, 'before'],
  ] as const)(
    '200 concurrent GET /ready requests, all with %i, read the database once',
    async (status, when) => {
      const isolate = createIsolate()
      if (when) isolate.fault = { at: 1, when }
      const requests = Array.from({ length: 200 }, () => isolate.fetch('/ready'))
      const statuses = (await Promise.all(requests)).map((response) => response.status)
      expect([...new Set(statuses)]).toEqual([status])
      expect(isolate.statements).toBe(1)
    },
  )

  it('GET /ready responds with the previous result, and its age, while the next check is under way', async () => {
    const isolate = createIsolate()
    await isolate.fetch('/ready')
    vi.setSystemTime(Date.now() + 6000)
    isolate.fault = { at: 2, when: 'never' }
    const slow = isolate.fetch('/ready')
    const response = await isolate.fetch('/ready')
    expect([response.status, response.headers.get('Age')]).toEqual([200, '6'])
    expect((await slow).status).toBe(503)
  })

  it.each([
    [
      'UPDATE d1_migrations SET name = name || ?1 WHERE name = ?2',
      'UPDATE d1_migrations SET name = ?2 WHERE name = ?2 || ?1',
    ],
    ['ALTER TABLE d1_migrations RENAME TO away', 'ALTER TABLE away RENAME TO d1_migrations'],
  ])(
    'GET /ready returns 503 while a migration is missing, and the log names the command to run: %s',
    async (breakSql, restoreSql) => {
      const execute = (sql: string) =>
        env.DB.prepare(sql)
          .bind(...(sql.includes('?1') ? ['~', newest] : []))
          .run()
      await execute(breakSql)
      const response = await createIsolate().fetch('/ready')
      await execute(restoreSql)
      expect(response.status).toBe(503)
      expect(await response.text()).toBe('{"error":"Not ready: database"}')
      expect(logged.at(-1)).toContain('npm run db:migrate')
    },
  )

  it('GET /ready returns 200 with a newer schema, so that you can roll back to an older build', async () => {
    await env.DB.prepare(`INSERT INTO d1_migrations (name) VALUES ('9999_newer.sql')`).run()
    expect((await fetchApp('/ready')).status).toBe(200)
    await env.DB.prepare(`DELETE FROM d1_migrations WHERE name = '9999_newer.sql'`).run()
  })

  it('GET /ready checks for the newest migration', async () => {
    const rename = 'UPDATE d1_migrations SET name = ?1 WHERE name = ?2'
    await env.DB.prepare(rename).bind('~', newest).run()
    const response = await createIsolate().fetch('/ready')
    await env.DB.prepare(rename).bind(newest, '~').run()
    expect(response.status).toBe(503)
    expect(logged.at(-1)).toContain(newest)
  })
})
