// Compares the users of a file with those of the database, and adds the new ones.

import { findUsers, insertUsers, toInsertRow } from '../../db/user-import.ts'
import { foldUsername, type User } from '../../db/users.ts'
import { CommandError, messageOf } from '../terminal/command-error.ts'
import { createProgress } from '../terminal/progress.ts'
import { type Pack, packRows } from './pack-rows.ts'
import type { Entry } from './user-file.ts'
import type { FileUser } from './user-row.ts'

const NAMES_BYTES = 100_000

// A local import is one transaction of any size. Over Cloudflare's API a transaction is one request, whose
// maximum size is not documented: these 7 MB contain some 35,000 users with Werkzeug's hashes.
const REMOTE_PACKS = 8

/** Sorts entries: new ones, those whose user is the same in the database, those whose name is taken. */
export async function compareEntries(db: D1Database, entries: Entry[]) {
  const existing = new Map<string, User>()
  const show = createProgress('Comparing', entries.length)
  let done = 0
  const names = entries.map(({ user }) => foldUsername(user.username))
  for (const pack of packRows(names, NAMES_BYTES)) {
    for (const user of await findUsers(db, pack.json))
      existing.set(foldUsername(user.username), user)
    show((done += pack.count))
  }
  const sorted = { fresh: [] as Entry[], same: [] as Entry[], taken: [] as Entry[] }
  for (const entry of entries) {
    const user = existing.get(foldUsername(entry.user.username))
    if (!user) sorted.fresh.push(entry)
    else if (isSame(user, entry.user)) sorted.same.push(entry)
    else sorted.taken.push(entry)
  }
  return sorted
}

const isSame = (user: User, other: FileUser): boolean =>
  user.username === other.username &&
  user.passwordHash === other.passwordHash &&
  user.disabledAt === other.disabledAt &&
  user.createdAt === (other.createdAt ?? user.createdAt) &&
  JSON.stringify(user.roles) === JSON.stringify(other.roles)

/** Adds new users; locally all of them or none. */
export async function addEntries(db: D1Database, entries: Entry[], remote: boolean): Promise<void> {
  const now = Math.floor(Date.now() / 1000)
  const rows = entries.map(({ user }) => toInsertRow({ ...user, createdAt: user.createdAt ?? now }))
  const show = createProgress('Writing', rows.length)
  let done = 0
  for (const packs of toTransactions(packRows(rows), remote)) {
    try {
      await insertUsers(
        db,
        packs.map(({ json }) => json),
      )
    } catch (error) {
      show(rows.length)
      throw new CommandError(toAdvice(done, messageOf(error)))
    }
    show((done += packs.reduce((sum, { count }) => sum + count, 0)))
  }
}

function toTransactions(packs: Pack[], remote: boolean): Pack[][] {
  if (!remote) return packs.length > 0 ? [packs] : []
  const transactions: Pack[][] = []
  for (let at = 0; at < packs.length; at += REMOTE_PACKS)
    transactions.push(packs.slice(at, at + REMOTE_PACKS))
  return transactions
}

const toAdvice = (done: number, reason: string) =>
  `Stopped after ${done.toLocaleString('en')} users: ${reason}.\nRun the same command again to continue: users who were imported already are left unchanged.`
