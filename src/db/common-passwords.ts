// The `common_passwords` table: what a new password must not be.

import { run } from './run.ts'

/** Whether a password is a common one, in whatever case. */
export async function isCommonPassword(db: D1Database, password: string): Promise<boolean> {
  const { results } = await run(
    db.prepare('SELECT 1 FROM common_passwords WHERE password = ?1').bind(password.toLowerCase()),
  )
  return results.length > 0
}
