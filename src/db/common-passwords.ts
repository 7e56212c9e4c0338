// The `common_passwords` table: passwords that nobody may choose.

import { select } from './query.ts'

/** Returns the common passwords, in lower case, whose SHA-256 begins with these three hex digits. */
export async function listCommonPasswords(db: D1Database, prefix: string): Promise<string[]> {
  const sql = 'SELECT password FROM common_passwords WHERE prefix = ?1'
  return (await select<{ password: string }>(db, sql, [prefix])).map(({ password }) => password)
}
