// Cloudflare's REST API with wrangler's own log-in, for what wrangler answers only in words.

import { Failure, messageOf } from '../terminal/failure.ts'
import { runWrangler } from './wrangler.ts'

const API = process.env.CLOUDFLARE_API_BASE_URL ?? 'https://api.cloudflare.com/client/v4'
const LOG_IN =
  "'npx wrangler login', or CLOUDFLARE_API_TOKEN with the permissions to edit D1 and Workers Scripts"

type Answer = { success: boolean; errors?: { code: number; message: string }[]; result: unknown }

/** What the API refused, with its codes. */
export class ApiRefusal extends Failure {
  readonly codes: number[]

  constructor({ errors = [] }: Answer, status: number) {
    const reasons = errors.map(({ message }) => message).join('; ') || 'no reason given'
    const advice = status === 401 || status === 403 ? `.\nLog in anew: ${LOG_IN}` : ''
    super(`Cloudflare's API refused: ${reasons}${advice}`)
    this.codes = errors.map(({ code }) => code)
  }
}

/** One account's part of the API: a body makes the call a POST. */
export type Api = {
  accountId: string
  call: (path: string, body?: object) => Promise<unknown>
}

/** Opens the account that wrangler.toml or the environment names (in wrangler's order), or the only one that the log-in has. */
export async function openApi(namedAccount: string | undefined): Promise<Api> {
  const headers = await readCredentials()
  const accountId =
    namedAccount || process.env.CLOUDFLARE_ACCOUNT_ID || (await findAccount(headers))
  return {
    accountId,
    call: (path, body) => callApi(`/accounts/${accountId}${path}`, headers, body),
  }
}

async function readCredentials(): Promise<Record<string, string>> {
  const { ok, stdout } = await runWrangler(['auth', 'token', '--json'], 'keep')
  if (!ok) throw new Failure(`Not logged in to Cloudflare: ${LOG_IN}`)
  const auth = JSON.parse(stdout) as Record<'type' | 'token' | 'key' | 'email', string>
  return auth.type === 'api_key'
    ? { 'X-Auth-Key': auth.key, 'X-Auth-Email': auth.email }
    : { Authorization: `Bearer ${auth.token}` }
}

async function findAccount(headers: Record<string, string>): Promise<string> {
  const accounts = (await callApi('/accounts', headers)) as { id: string; name: string }[]
  const [account] = accounts
  if (account && accounts.length === 1) return account.id
  const list = accounts.map(({ id, name }) => `\n  ${id}  ${name}`).join('')
  throw new Failure(
    `This log-in has ${accounts.length} accounts: name one in CLOUDFLARE_ACCOUNT_ID${list}`,
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
        headers: { ...headers, 'Content-Type': 'application/json' },
      }
    : { headers }
  let status: number
  let answer: Answer
  try {
    const response = await fetch(`${API}${path}`, init)
    status = response.status
    answer = await response.json()
  } catch (error) {
    throw new Failure(`Cloudflare's API cannot be reached: ${messageOf(error)}`)
  }
  if (answer.success) return answer.result
  throw new ApiRefusal(answer, status)
}
