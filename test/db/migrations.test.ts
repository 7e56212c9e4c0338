import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'

import { argon2id } from '../../src/auth/passwords/argon2.ts'
import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { listUsers } from '../../src/db/users.ts'
import { COSMO, startSession } from '../helpers.ts'

it('the migrations upgrade the first version of the database, and its users can still log in', async () => {
  const { results: views } = await env.DB.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'view'",
  ).all<{ name: string }>()
  await env.DB.batch(views.map(({ name }) => env.DB.prepare(`DROP VIEW ${name}`)))
  const tables = [
    'factors',
    'recovery_codes',
    'codes',
    'events',
    'login_failures',
    'sessions',
    'common_passwords',
    'users',
    'd1_migrations',
  ]
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DROP TABLE ${table}`)))
  const own = env.MIGRATIONS.filter(({ name }) => name < '1000') // yours have numbers from 1000 on
  await applyD1Migrations(env.DB, own.slice(0, 2))
  const names = [COSMO.username, 'Cosmo', 'COSMO', 'ada']
  const hash = hashPassword(COSMO.password, argon2id)
  for (const name of names)
    await env.DB.prepare('INSERT INTO users (username, password_hash, created_at) VALUES (?, ?, 1)')
      .bind(name, hash)
      .run()
  await applyD1Migrations(env.DB, own)
  for (const username of names)
    expect(await startSession({ ...COSMO, username })).toHaveProperty('refresh_token')
  const { users } = await listUsers(env.DB, { limit: 10, prefix: 'cosmo' })
  expect(users.map(({ username }) => username)).toEqual(['cosmo', 'Cosmo', 'COSMO'])
})

it('the migrations create no users, so there are no default accounts (ASVS 6.3.2)', () => {
  const queries = env.MIGRATIONS.flatMap((migration) => migration.queries)
  expect(queries.filter((sql) => /CREATE TABLE users/.test(sql))).toHaveLength(1)
  expect(
    queries.filter((sql) =>
      /INSERT\s+(OR \w+\s+)?INTO\s+(?!common_passwords|events |new_events )/i.test(sql),
    ),
  ).toEqual([])
})

it('the common passwords include 3,000 of at least 15 characters and 3,000 of 8 to 14 (ASVS 6.2.4)', async () => {
  const count = (where: string) =>
    env.DB.prepare(`SELECT count(*) FROM common_passwords WHERE ${where}`).first<number>('count(*)')
  expect(await count('length(password) >= 15')).toBeGreaterThanOrEqual(3000)
  expect(await count('length(password) BETWEEN 8 AND 14')).toBeGreaterThanOrEqual(3000)
})

/** Every SQL statement of the Worker, read from the source so that none is missed. */
const sources = import.meta.glob('../../src/db/*.ts', {
  query: '?raw',
  import: 'default',
  eager: true,
})
const constants = new Map(
  Object.values(sources).flatMap((source) =>
    [...source.matchAll(/const ([A-Z_]+) =\s*(?:`([^`]+)`|'([^']+)'|(\d[\d_]*)\n)/g)].map(
      ([, name, template, text, number]) =>
        [name, template ?? text ?? number?.replaceAll('_', '')] as const,
    ),
  ),
)
const inline = (sql: string): string =>
  sql.replaceAll(/\$\{([A-Z_]+)\}/g, (text, name) => {
    const value = constants.get(name)
    return value === undefined ? text : inline(value)
  })
const KEYWORD = '(?:SELECT|INSERT|UPDATE|DELETE)\\s'
const STATEMENT = new RegExp(`\`(${KEYWORD}[^\`]*)\`|'(${KEYWORD}[^'\\n]*)'`, 'g')
const statements = Object.entries(sources).flatMap(([file, source]) =>
  [...source.matchAll(STATEMENT)].map(([, template, text]) => ({
    file: file.split('/').at(-1) ?? '',
    sql: inline(template ?? text ?? ''),
  })),
)

it('SQL statements are constant and get values only as bound parameters (ASVS 1.2.4)', () => {
  expect(statements.filter(({ sql }) => sql.includes('${'))).toEqual([])
})

describe('every statement finds its rows through an index:', () => {
  it('each file of a table has statements', () => {
    const files = new Set(statements.map(({ file }) => file))
    const withoutSql = Object.keys(sources).filter(
      (file) => !files.has(file.split('/').at(-1) ?? ''),
    )
    expect(withoutSql).toEqual(['../../src/db/query.ts'])
    expect(statements.length).toBeGreaterThanOrEqual(29)
  })

  it.each(statements.filter(({ sql }) => !sql.includes('FROM users ORDER BY')))(
    '$file: $sql',
    async ({ sql }) => {
      const parameters = Math.max(
        ...[...sql.matchAll(/\?(\d+)/g)].map(([, number]) => Number(number)),
      )
      const explained = env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      const values = Array.from({ length: parameters }, () => 1)
      const { results } = await explained.bind(...values).all<{ detail: string }>()
      for (const { detail } of results)
        expect(detail).not.toMatch(
          /^SCAN (?!CONSTANT|\(subquery|counter|json_each|proofs|users USING INDEX users_admins)/,
        )
    },
  )
})
