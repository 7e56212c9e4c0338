// Production's D1 over Cloudflare's REST API, which binds values: no hash in an argument or a file.

import { openApi } from './api.ts'

type Query = { sql: string; params: unknown[] }

/** Opens the part of D1Database that `src/db` uses: `prepare(sql).bind(…).all()` and `batch([…])`. */
export async function openRemote(ids: {
  databaseId: string
  accountId: string | undefined
}): Promise<D1Database> {
  const api = await openApi(ids.accountId)
  const query = async (body: Query | { batch: Query[] }) =>
    (await api.call(`/d1/database/${ids.databaseId}/query`, body)) as D1Result<unknown>[]

  const prepare = (sql: string, params: unknown[] = []) => ({
    sql,
    params,
    bind: (...values: unknown[]) => prepare(sql, values),
    all: async () => (await query({ sql, params }))[0],
  })
  const batch = (statements: Query[]) =>
    query({ batch: statements.map(({ sql, params }) => ({ sql, params })) })
  return { prepare, batch } as unknown as D1Database
}
