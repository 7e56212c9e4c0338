// Importing many users: rows are sent as JSON in one bound value, since D1 binds at most 100.

import { runBatch, select } from './query.ts'
import { foldUsername, toUser, type User, USER_COLUMNS, type UserRow } from './users.ts'

const TRANSACTION_TIMEOUT_MS = 120_000

/** Converts a user to a row for `insertUsers`. */
export const toInsertRow = (user: Omit<User, 'id'>): unknown[] => [
  user.username,
  foldUsername(user.username),
  user.passwordHash,
  JSON.stringify(user.roles),
  user.createdAt,
  user.disabledAt,
]

/** Adds the users of JSON arrays of rows, each up to 2 MB (D1); adds none when one name is taken. */
export async function insertUsers(db: D1Database, arrays: string[]): Promise<void> {
  const statement = db.prepare(
    `INSERT INTO users (username, folded, password_hash, roles, created_at, disabled_at)
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
     FROM json_each(?1)`,
  )
  const statements = arrays.map((json) => statement.bind(json))
  await runBatch(db, statements, TRANSACTION_TIMEOUT_MS)
}

/** Returns the users whose folded names are in a JSON array. */
export async function findUsers(db: D1Database, names: string): Promise<User[]> {
  const sql = `SELECT ${USER_COLUMNS} FROM users
    WHERE folded IN (SELECT value FROM json_each(?1))`
  return (await select<UserRow>(db, sql, [names])).map(toUser)
}
