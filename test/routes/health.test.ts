import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'

import { NEWEST } from '../../src/db/schema-check.ts'
import { fetchApp, logged } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

it('GET /health asks nobody: 200 with neither keys nor a database', async () => {
  const isolate = createIsolate({ JWT_SECRET: '', DB: undefined })
  const response = await isolate.fetch('/health')
  expect(response.status).toBe(200)
  expect(await response.text()).toBe('{"status":"ok"}')
})

describe('GET /ready', () => {
  it('is 200 when settings, keys and database are right, in one round trip', async () => {
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
    ['keys', { JWT_SECRET: 'super-secret' }],
    ['keys', { JWT_SECRET_NEXT: '{}' }],
  ])('is 503 and names %s, without a detail: %j (ASVS 13.4.5)', async (name, bindings) => {
    const response = await createIsolate(bindings).fetch('/ready')
    expect(response.status).toBe(503)
    expect(await response.text()).toBe(`{"error":"Not ready: ${name}"}`)
  })

  it('is 503 and names the database when it fails, and 200 again without a restart', async () => {
    const isolate = createIsolate()
    isolate.fault = { at: 1, when: 'before' }
    expect(await (await isolate.fetch('/ready')).text()).toBe('{"error":"Not ready: database"}')
    expect((await isolate.fetch('/ready')).status).toBe(200)
  })

  it.each([
    [
      'UPDATE d1_migrations SET name = name || ?1 WHERE name = ?2',
      'UPDATE d1_migrations SET name = ?2 WHERE name = ?2 || ?1',
    ],
    ['ALTER TABLE d1_migrations RENAME TO away', 'ALTER TABLE away RENAME TO d1_migrations'],
  ])(
    'is 503 while a migration is missing, and the log says what to type: %s',
    async (lose, find) => {
      const alter = (sql: string) =>
        env.DB.prepare(sql)
          .bind(...(sql.includes('?1') ? ['~', NEWEST] : []))
          .run()
      await alter(lose)
      const response = await createIsolate().fetch('/ready')
      await alter(find)
      expect(response.status).toBe(503)
      expect(await response.text()).toBe('{"error":"Not ready: database"}')
      expect(logged.at(-1)).toContain('npm run db:migrate')
    },
  )

  it('is 200 under a newer schema, so that an older build can be rolled back to', async () => {
    await env.DB.prepare(`INSERT INTO d1_migrations (name) VALUES ('9999_newer.sql')`).run()
    expect((await fetchApp('/ready')).status).toBe(200)
    await env.DB.prepare(`DELETE FROM d1_migrations WHERE name = '9999_newer.sql'`).run()
  })

  it('asks for the migration that is the newest', () => {
    expect(env.MIGRATIONS.at(-1)?.name).toBe(NEWEST)
  })
})
