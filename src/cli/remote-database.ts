// Production's D1 over Cloudflare's REST API, so that values are bound: no password hash in an argument or a file.

import { Failure, messageOf } from './failure.ts'
import { runWrangler } from './wrangler.ts'

const API = process.env.CLOUDFLARE_API_BASE_URL ?? 'https://api.cloudflare.com/client/v4'

type Query = { sql: string; params: unknown[] }
type ApiAnswer = { success: boolean; errors?: { message: string }[]; result: unknown }

/** What `src/db` uses of a D1Database: `prepare(sql).bind(…).all()` and `batch([…])`. */
export async function openRemote(ids: {
  databaseId: string
  accountId: string | undefined
}): Promise<D1Database> {
  const headers = await readCredentials()
  const accountId =
    (process.env.CLOUDFLARE_ACCOUNT_ID || ids.accountId) ?? (await findAccount(headers))
  const path = `/accounts/${accountId}/d1/database/${ids.databaseId}/query`
  const query = async (body: Query | { batch: Query[] }) =>
    (await callApi(path, headers, body)) as D1Result<unknown>[]

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

/** wrangler's own log-in, as headers of the API. */
async function readCredentials(): Promise<Record<string, string>> {
  const { ok, stdout } = await runWrangler(['auth', 'token', '--json'], 'keep')
  if (!ok) throw new Failure("Not logged in to Cloudflare: 'npx wrangler login'")
  const auth = JSON.parse(stdout) as Record<'type' | 'token' | 'key' | 'email', string>
  return auth.type === 'api_key'
    ? { 'X-Auth-Key': auth.key, 'X-Auth-Email': auth.email }
    : { Authorization: `Bearer ${auth.token}` }
}

async function findAccount(headers: Record<string, string>): Promise<string> {
  const accounts = (await callApi('/accounts', headers)) as { id: string }[]
  const [account] = accounts
  if (account && accounts.length === 1) return account.id
  throw new Failure(
    `This log-in has ${accounts.length} accounts: name one in CLOUDFLARE_ACCOUNT_ID`,
  )
}

async function callApi(
  path: string,
  headers: Record<string, string>,
  body?: object,
): Promise<unknown> {
  const init = body
    ? {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'Content-Type': 'application/json' },
      }
    : { headers: {} }
  let answer: ApiAnswer
  try {
    const request = { ...init, headers: { ...init.headers, ...headers } }
    const response = await fetch(`${API}${path}`, request)
    answer = await response.json()
  } catch (error) {
    throw new Failure(`Cloudflare's API cannot be reached: ${messageOf(error)}`)
  }
  if (answer.success) return answer.result
  const errors = answer.errors?.map(({ message }) => message).join('; ')
  throw new Failure(`Cloudflare's API refused: ${errors ?? 'no reason given'}`)
}
