// The `common_passwords` table: what a new password must not be.

import { run } from './query.ts'

/** The common passwords, in lower case, whose SHA-256 begins with these three hex digits. */
export async function listCommonPasswords(db: D1Database, prefix: string): Promise<string[]> {
  const { results } = await run<{ password: string }>(
    db.prepare('SELECT password FROM common_passwords WHERE prefix = ?1').bind(prefix),
  )
  return results.map(({ password }) => password)
}
