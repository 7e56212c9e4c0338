// Empties the tables before each test. After each test, checks that no log line contains a token, password or hash.

import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'

import { COSMO, logged } from './helpers.ts'

const LEVELS = ['debug', 'info', 'log', 'warn', 'error'] as const
const SECRET = new RegExp(`eyJ|argon2id?\\$|scrypt[:$]|${COSMO.password}|${env.JWT_SECRET}`)

// Storage is isolated per file, so the database is empty here.
beforeAll(() => applyD1Migrations(env.DB, env.MIGRATIONS))

beforeEach(async () => {
  const tables = ['users', 'sessions', 'login_failures']
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)))
  logged.length = 0
  for (const level of LEVELS) {
    vi.spyOn(console, level).mockImplementation((line: unknown) => void logged.push(String(line)))
  }
})

afterEach(() => {
  vi.restoreAllMocks()
  for (const line of logged) expect(line).not.toMatch(SECRET)
})
