import { applyD1Migrations } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'

import { argon2id } from '../../src/auth/passwords/argon2.ts'
import { hashPassword } from '../../src/auth/passwords/hash.ts'
import { listUsers } from '../../src/db/users.ts'
import { COSMO, startSession } from '../helpers.ts'

it('the migrations apply to the first version of the database with users in it, who can log in', async () => {
  const tables = ['login_failures', 'sessions', 'common_passwords', 'users', 'd1_migrations']
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DROP TABLE ${table}`)))
  await applyD1Migrations(env.DB, env.MIGRATIONS.slice(0, 2))
  const names = [COSMO.username, 'Cosmo', 'COSMO', 'ada']
  const hash = hashPassword(COSMO.password, argon2id)
  for (const name of names)
    await env.DB.prepare('INSERT INTO users (username, password_hash, created_at) VALUES (?, ?, 1)')
      .bind(name, hash)
      .run()
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  for (const username of names)
    expect(await startSession({ ...COSMO, username })).toHaveProperty('refresh_token')
  const { users } = await listUsers(env.DB, { limit: 10, prefix: 'cosmo' })
  expect(users.map(({ username }) => username)).toEqual(['cosmo', 'Cosmo', 'COSMO'])
})

it('the migrations make no user, so that none is there before an operator adds one (ASVS 6.3.2)', () => {
  const texts = env.MIGRATIONS.flatMap(({ queries }) => queries)
  expect(texts.filter((sql) => /CREATE TABLE users/.test(sql))).toHaveLength(1)
  expect(
    texts.filter((sql) => /INSERT\s+(OR \w+\s+)?INTO\s+(?!common_passwords)/i.test(sql)),
  ).toEqual([])
})

it('the list of common passwords holds 3,000 of 15 characters, and of 8 (ASVS 6.2.4)', async () => {
  const count = (where: string) =>
    env.DB.prepare(`SELECT count(*) FROM common_passwords WHERE ${where}`).first<number>('count(*)')
  expect(await count('length(password) >= 15')).toBeGreaterThanOrEqual(3000)
  expect(await count('length(password) BETWEEN 8 AND 14')).toBeGreaterThanOrEqual(3000)
})

/** Every statement of the Worker, as it was prepared: read from the source, so that none is forgotten. */
const sources = import.meta.glob('../../src/db/*.ts', {
  query: '?raw',
  import: 'default',
  eager: true,
})
const statements = Object.entries(sources).flatMap(([file, source]) => {
  const constants = new Map(
    [...source.matchAll(/const ([A-Z_]+) =\s*(?:`([^`]+)`|'([^']+)'|(\d+))/g)].map(
      ([, name, ...values]) => [name, values.find(Boolean)],
    ),
  )
  return [...source.matchAll(/([`'])((?:SELECT|INSERT|UPDATE|DELETE)\s[^`]*?)\1[,\])]/g)].map(
    ([, , sql = '']) => ({
      file: file.split('/').at(-1) ?? '',
      sql: sql.replaceAll(/\$\{([A-Z_]+)\}/g, (text, name) => constants.get(name) ?? text),
    }),
  )
})

it('a statement holds what stands in the source alone, beside its parameters (ASVS 1.2.4)', () => {
  expect(statements.filter(({ sql }) => sql.includes('${'))).toEqual([])
})

describe('every statement finds its rows by an index (CF limits)', () => {
  it('and there are as many as there are calls of prepare', () => {
    const prepared = Object.values(sources).flatMap(
      (source) =>
        source.match(/'UPDATE|'DELETE|'SELECT|`UPDATE|`DELETE|`SELECT|`INSERT|'INSERT/g) ?? [],
    )
    expect(statements).toHaveLength(prepared.length)
  })

  it.each(statements.filter(({ sql }) => !sql.includes('FROM users ORDER BY')))(
    '$file: $sql',
    async ({ sql }) => {
      const parameters = Math.max(
        ...[...sql.matchAll(/\?(\d)/g)].map(([, number]) => Number(number)),
      )
      const explained = env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      const values = Array.from({ length: parameters }, () => 1)
      const { results } = await explained.bind(...values).all<{ detail: string }>()
      for (const { detail } of results)
        expect(detail).not.toMatch(
          /^SCAN (?!CONSTANT|counter|json_each|users USING INDEX users_admins)/,
        )
    },
  )
})
