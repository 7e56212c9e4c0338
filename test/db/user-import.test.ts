import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'

import { findUsers, insertUsers, packRows, toInsertRow } from '../../src/db/user-import.ts'
import { listUsers } from '../../src/db/users.ts'

const user = (username: string, change = {}) => ({
  username,
  passwordHash: 'hash',
  roles: ['a "quoted" role', 'ё'],
  createdAt: 5,
  disabledAt: null,
  ...change,
})
const add = (names: string[], maxBytes?: number) =>
  insertUsers(
    env.DB,
    packRows(
      names.map((name) => toInsertRow(user(name))),
      maxBytes,
    ),
  )
const names = async () =>
  (await listUsers(env.DB, { limit: 10_000 })).users.map(({ username }) => username)

it('users are the same after they were added, found and listed', async () => {
  const [one, two] = [user('zoë 🔑'), user("O'Neil", { disabledAt: 7, roles: [] })]
  await insertUsers(env.DB, packRows([one, two].map(toInsertRow)))
  const expected = [
    { id: 2, ...two },
    { id: 1, ...one },
  ].map((row) => ({ ...row, id: expect.any(Number) }))
  expect(await listUsers(env.DB, { limit: 10 })).toEqual({ users: expected, next: null })
  const [pack] = packRows(['zoë 🔑', "o'neil", 'nobody', "' OR 1=1 --"])
  expect(await findUsers(env.DB, pack ?? { json: '[]', count: 0 })).toHaveLength(2)
})

it('pages of users follow each other without a gap', async () => {
  const all = Array.from({ length: 25 }, (_, index) => `user${100 + index}`)
  await add(all)
  const seen: string[] = []
  let after: string | null = ''
  while (after !== null) {
    const page = await listUsers(env.DB, { limit: 10, after })
    seen.push(...page.users.map(({ username }) => username))
    after = page.next
  }
  expect(seen).toEqual(all)
})

describe('all are added, or none:', () => {
  it('a name that is taken stops those before it and after it, in other packs too', async () => {
    await add(['taken'])
    const attempt = add(['before', 'taken', 'after'], 1)
    await expect(attempt).rejects.toThrow('UNIQUE constraint failed')
    expect(await names()).toEqual(['taken'])
  })

  it('so does a role list that is none, by the table itself', async () => {
    const rows = [toInsertRow(user('one')), ['two', 'two', 'hash', '{}', 1, null]]
    await expect(insertUsers(env.DB, packRows(rows))).rejects.toThrow('CHECK constraint failed')
    expect(await names()).toEqual([])
  })
})

describe('a pack', () => {
  it('holds as many rows as its bytes allow, in their order', () => {
    const rows = ['ada', 'ёё', 'x'.repeat(20), '🔑']
    const packs = packRows(rows, 12)
    expect(packs.flatMap(({ json }) => JSON.parse(json))).toEqual(rows)
    expect(packs.map(({ count }) => count)).toEqual([1, 1, 1, 1])
    expect(packRows(rows, 14).map(({ count }) => count)).toEqual([2, 1, 1])
    expect(packRows([])).toEqual([])
  })

  it("of Werkzeug's hashes stays below what D1 takes as one value", async () => {
    const all = Array.from({ length: 9000 }, (_, index) => `user${10_000 + index}`)
    const rows = all.map((name) => toInsertRow(user(name, { passwordHash: 'x'.repeat(162) })))
    const packs = packRows(rows)
    for (const { json } of packs) expect(new TextEncoder().encode(json).length).toBeLessThan(1e6)
    await insertUsers(env.DB, packs)
    expect(await names()).toEqual(all)
  })
})
