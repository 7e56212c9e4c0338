import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'

import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import { cleanUp } from '../../../src/auth/sessions/clean-up.ts'
import { openIsolate } from '../../../src/isolate.ts'
import { isolate } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

const NOW = 1_800_000_000
const DAY = 86_400
const { ACCESS_TOKEN_SECONDS, LOGIN_WINDOW_SECONDS, EVENT_DAYS } = isolate().settings

/** Inserts `count` rows, whose values are SQL in which `n` is their number. */
const insert = (table: string, columns: string, values: string, count = 1) =>
  env.DB.prepare(
    `WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
     INSERT INTO ${table} (${columns}) SELECT ${values} FROM numbers`,
  )
    .bind(count)
    .run()

const SESSION = 'id, user_id, created_at, rotated_at, user_agent, country, expires_at, revoked_at'
const insertSessions = (id: string, expiresAt: number, revokedAt: number | null, count = 1) =>
  insert('sessions', SESSION, `${id}, 1, 1, 1, '', '', ${expiresAt}, ${revokedAt}`, count)
const insertCounters = (key: string, time: number, count = 1) =>
  insert('login_failures', 'key, failures, failed_at, paused_until', `${key}, 1, ${time}, 0`, count)
const insertEvents = (id: string, count = 1) =>
  insert('events', 'id, event, username, user_id', `${id}, 'login.succeeded', 'cosmo', 1`, count)

const list = async (sql: string) => (await env.DB.prepare(sql).raw()).flat()

it('the clean-up deletes a row only when nothing can need it any more, by the second', async () => {
  const lastRevoked = NOW - ACCESS_TOKEN_SECONDS - 60
  await insertSessions("'expired'", NOW - 61, null)
  await insertSessions("'a clock behind may accept'", NOW - 60, null)
  await insertSessions("'live'", NOW + 1, null)
  await insertSessions("'revoked'", NOW + DAY, lastRevoked - 1)
  await insertSessions("'an access token may outlive'", NOW - DAY, lastRevoked)
  await env.DB.prepare('DELETE FROM events').run()
  const lastCounted = NOW - Math.max(LOGIN_WINDOW_SECONDS, DAY)
  await insertCounters("'decayed'", lastCounted - 1)
  await insertCounters("'counts'", lastCounted)
  await insert('known_devices', 'key, expires_at', `'forgotten', ${NOW}`)
  await insert('known_devices', 'key, expires_at', `'known', ${NOW + 1}`)
  await insert('codes', 'user_id, code_hash, expires_at, created_by', `1, 'expired', ${NOW}, ''`)
  await insert('codes', 'user_id, code_hash, expires_at, created_by', `2, 'valid', ${NOW + 1}, ''`)
  const oldest = NOW - EVENT_DAYS * DAY
  await insertEvents(`${oldest}000000 - 1`)
  await insertEvents(`${oldest}000000`)

  expect(await cleanUp(isolate(), NOW)).toBe(6)
  expect(await list('SELECT id FROM sessions ORDER BY id')).toEqual([
    'a clock behind may accept',
    'an access token may outlive',
    'live',
  ])
  expect(await list('SELECT key FROM login_failures')).toEqual(['counts'])
  expect(await list('SELECT key FROM known_devices')).toEqual(['known'])
  expect(await list('SELECT code_hash FROM codes')).toEqual(['valid'])
  expect(await list('SELECT id FROM events')).toEqual([oldest * 1_000_000])
})

it('the clean-up deletes 100,000 sessions, 50,000 counters and devices and 25,000 events in 46 statements (D1 allows 50), and the rest a minute later', async () => {
  await insertSessions("'s' || n", 1, null, 100_001)
  await env.DB.prepare('DELETE FROM events').run()
  await insertCounters("'c' || n", 1, 50_001)
  await insert('known_devices', 'key, expires_at', "'d' || n, 1", 50_001)
  await insert('codes', 'user_id, code_hash, expires_at, created_by', "n, 'h' || n, 1, ''", 5001)
  await env.DB.prepare('DELETE FROM events').run()
  await insertEvents('n', 25_001)
  const counting = createIsolate()
  expect(await cleanUp(openIsolate(counting.env, argon2id), NOW)).toBe(230_000)
  expect(counting.statements).toBe(46)
  const count = `SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM login_failures),
    (SELECT count(*) FROM known_devices), (SELECT count(*) FROM codes), (SELECT count(*) FROM events)`
  expect(await list(count)).toEqual([1, 1, 1, 1, 1])
  expect(await cleanUp(isolate(), NOW)).toBe(5)
  expect(await list(count)).toEqual([0, 0, 0, 0, 0])
})
