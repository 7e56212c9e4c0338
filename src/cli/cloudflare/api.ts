// Cloudflare's REST API with wrangler's login, for what wrangler prints only as prose.

import { CommandError, messageOf } from '../terminal/command-error.ts'
import { runWrangler } from './wrangler.ts'

const API = 'https://api.cloudflare.com/client/v4'
const HOW_TO_LOG_IN =
  "'npx wrangler login', or CLOUDFLARE_API_TOKEN with the permissions to edit D1 and Workers Scripts"

type Envelope = { success: boolean; errors?: { code: number; message: string }[]; result: unknown }

export class NotLoggedIn extends CommandError {
  constructor() {
    super(`Not logged in to Cloudflare: ${HOW_TO_LOG_IN}`)
  }
}

/** An error response of the API, with its codes. */
export class ApiError extends CommandError {
  readonly codes: number[]

  constructor({ errors = [] }: Envelope, status: number) {
    const reasons = errors.map(({ message }) => message).join('; ') || 'no reason given'
    const advice = status === 401 || status === 403 ? `.\nLog in again: ${HOW_TO_LOG_IN}` : ''
    super(`Cloudflare's API reports: ${reasons}${advice}`)
    this.codes = errors.map(({ code }) => code)
  }
}

/** The API of one account. A call with a body is a POST. */
export type Api = {
  accountId: string
  call: (path: string, body?: object) => Promise<unknown>
}

/** Opens the account named in wrangler.toml or the environment (wrangler's order), or the only one of the login. */
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
  if (!ok) throw new NotLoggedIn()
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
  throw new CommandError(
    `This login has ${accounts.length} accounts: name one in CLOUDFLARE_ACCOUNT_ID${list}`,
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
  let envelope: Envelope
  try {
    const response = await fetch(`${process.env.CLOUDFLARE_API_BASE_URL ?? API}${path}`, init)
    status = response.status
    envelope = await response.json()
  } catch (error) {
    throw new CommandError(`Cloudflare's API cannot be reached: ${messageOf(error)}`)
  }
  if (envelope.success) return envelope.result
  throw new ApiError(envelope, status)
}
