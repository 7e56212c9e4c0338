// Shared by the tests of the Worker: a user, requests and custom tokens.

import { insertUser } from '../src/db/user-changes.ts'
import { env, exports } from 'cloudflare:workers'

import { argon2id } from '../src/auth/passwords/argon2.ts'
import type { TokenResponse } from '../src/contract/responses.ts'
import { hashPassword } from '../src/auth/passwords/hash.ts'
import { openIsolate } from '../src/isolate.ts'
import { requireDescribed } from './contract/require-described.ts'

/** The lesson's user. */
export const COSMO = { username: 'cosmo', password: 'space-corgi' }

/** The client's address, in requests that name no other. */
export const ADDRESS = '203.0.113.99'

/** The tokens of a session without a refresh cookie. */
export type Tokens = TokenResponse & { refresh_token: string }

/** The lines that the Worker has logged during the current test. */
export const logged: string[] = []

export const now = () => Math.floor(Date.now() / 1000)

/** Sends a request to the assembled Worker. Throws if the response does not match the OpenAPI document. */
export async function fetchApp(path: string, init?: RequestInit): Promise<Response> {
  const headers = new Headers(init?.headers)
  if (!headers.has('CF-Connecting-IP')) headers.set('CF-Connecting-IP', ADDRESS)
  const response = await exports.default.fetch(`https://latchkey.test${path}`, { ...init, headers })
  await requireDescribed(init?.method ?? 'GET', path, response)
  return response
}

export const postJson = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetchApp(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

export const getWithToken = (path: string, token: string) =>
  fetchApp(path, { headers: { Authorization: `Bearer ${token}` } })

export async function addUser(user = COSMO, roles: string[] = []): Promise<void> {
  const passwordHash = hashPassword(user.password, argon2id)
  await insertUser(env.DB, { username: user.username, passwordHash, roles }, now())
}

/** Logs in and returns both tokens of the new session. */
export async function startSession(credentials = COSMO): Promise<Tokens> {
  return (await postJson('/login', credentials)).json()
}

export const login = async (credentials = COSMO) => (await startSession(credentials)).access_token

const utf8 = new TextEncoder()

export function base64url(content: string | Uint8Array): string {
  const bytes = typeof content === 'string' ? utf8.encode(content) : content
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** Decodes one part of a token without verifying it: `0` is the header, `1` the claims. */
export function readSegment(token: string, index: 0 | 1): Record<string, unknown> {
  const segment = token.split('.')[index] ?? ''
  return JSON.parse(atob(segment.replaceAll('-', '+').replaceAll('_', '/')))
}

/** Signs any two segments with an HMAC, by default HMAC-SHA-256 with the Worker's own secret. */
export async function signSegments(
  header: string | Uint8Array,
  payload: string | Uint8Array,
  { secret = env.JWT_SECRET, hash = 'SHA-256' } = {},
): Promise<string> {
  const hmac = { name: 'HMAC', hash }
  const key = await crypto.subtle.importKey('raw', utf8.encode(secret), hmac, false, ['sign'])
  const input = `${base64url(header)}.${base64url(payload)}`
  const signature = await crypto.subtle.sign(hmac, key, utf8.encode(input))
  return `${input}.${base64url(new Uint8Array(signature))}`
}

/** Returns the isolate of the Worker under test. */
export const isolate = () => openIsolate(env, argon2id)

/** Returns the key ring of the Worker under test. */
export const genuineRing = () => isolate().keyRing()

/** Returns the header of the tokens that the Worker issues. */
export async function genuineHeader(): Promise<Record<string, unknown>> {
  const { alg, kid } = (await genuineRing()).current
  return { alg, typ: 'JWT', kid }
}
