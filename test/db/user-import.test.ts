import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'

import { packRows } from '../../src/cli/users/pack-rows.ts'
import { findUsers, insertUsers, toInsertRow } from '../../src/db/user-import.ts'
import { listUsers } from '../../src/db/users.ts'

const user = (username: string, change = {}) => ({
  username,
  passwordHash: 'hash',
  roles: ['a "quoted" role', 'ё'],
  createdAt: 5,
  disabledAt: null,
  ...change,
})
const insert = (rows: unknown[][], maxBytes?: number) =>
  insertUsers(
    env.DB,
    packRows(rows, maxBytes).map(({ json }) => json),
  )
const add = (names: string[], maxBytes?: number) =>
  insert(
    names.map((name) => toInsertRow(user(name))),
    maxBytes,
  )
const names = async () =>
  (await listUsers(env.DB, { limit: 10_000 })).users.map(({ username }) => username)

it('imported users are found and listed unchanged', async () => {
  const [one, two] = [user('zoë 🔑'), user("O'Neil", { disabledAt: 7, roles: [] })]
  await insert([one, two].map(toInsertRow))
  const expected = [
    { id: 2, ...two },
    { id: 1, ...one },
  ].map((row) => ({ ...row, id: expect.any(Number) }))
  expect(await listUsers(env.DB, { limit: 10 })).toEqual({ users: expected, next: null })
  const [pack] = packRows(['zoë 🔑', "o'neil", 'nobody', "' OR 1=1 --"])
  expect(await findUsers(env.DB, pack?.json ?? '[]')).toHaveLength(2)
})

it('the pages of the user list contain every user exactly once', async () => {
  const all = Array.from({ length: 25 }, (_, index) => `user${100 + index}`)
  await add(all)
  const listed: string[] = []
  let after: string | null = ''
  while (after !== null) {
    const page = await listUsers(env.DB, { limit: 10, after })
    listed.push(...page.users.map(({ username }) => username))
    after = page.next
  }
  expect(listed).toEqual(all)
})

describe('an import is atomic', () => {
  it('an import adds no users if one username exists already, even in another batch', async () => {
    await add(['taken'])
    const attempt = add(['before', 'taken', 'after'], 1)
    await expect(attempt).rejects.toThrow('UNIQUE constraint failed')
    expect(await names()).toEqual(['taken'])
  })

  it('an import adds no users if a CHECK constraint rejects the roles of one', async () => {
    const rows = [toInsertRow(user('one')), ['two', 'two', 'hash', '{}', 1, null]]
    await expect(insert(rows)).rejects.toThrow('CHECK constraint failed')
    expect(await names()).toEqual([])
  })
})

describe('packRows', () => {
  it('packRows fills each pack up to its size limit and keeps the order of the rows', () => {
    const rows = ['ada', 'ёё', 'x'.repeat(20), '🔑']
    const packs = packRows(rows, 12)
    expect(packs.flatMap(({ json }) => JSON.parse(json))).toEqual(rows)
    expect(packs.map(({ count }) => count)).toEqual([1, 1, 1, 1])
    expect(packRows(rows, 14).map(({ count }) => count)).toEqual([2, 1, 1])
    expect(packRows([])).toEqual([])
  })

  it("packRows keeps packs of users with Werkzeug's hashes below the size limit of a D1 value", async () => {
    const all = Array.from({ length: 9000 }, (_, index) => `user${10_000 + index}`)
    const rows = all.map((name) => toInsertRow(user(name, { passwordHash: 'x'.repeat(162) })))
    const packs = packRows(rows)
    for (const { json } of packs) expect(new TextEncoder().encode(json).length).toBeLessThan(1e6)
    await insert(rows)
    expect(await names()).toEqual(all)
  })
})
