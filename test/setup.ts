// Empties the tables before each test. After each test, checks that no log line contains a token, password or hash.

import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'

import { COSMO, logged } from './helpers.ts'

const LEVELS = ['debug', 'info', 'log', 'warn', 'error'] as const
const SECRET = new RegExp(
  `eyJ|argon2id?\\$|scrypt[:$]|${COSMO.password}|${env.JWT_SECRET}|${env.DATA_SECRET}`,
)

// Storage is isolated per file, so the database is empty here.
let tables: string[] = []
beforeAll(async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  const sql = `SELECT name FROM sqlite_schema
    WHERE type = 'table' AND name NOT IN ('common_passwords', 'd1_migrations')
      AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'`
  const { results } = await env.DB.prepare(sql).all<{ name: string }>()
  tables = results.map(({ name }) => name)
})

beforeEach(async () => {
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM "${table}"`)))
  logged.length = 0
  for (const level of LEVELS) {
    vi.spyOn(console, level).mockImplementation((line: unknown) => void logged.push(String(line)))
  }
})

afterEach(() => {
  vi.restoreAllMocks()
  for (const line of logged) expect(line).not.toMatch(SECRET)
})
