// A user with a second factor, and an app that knows its seed.

import { env } from 'cloudflare:workers'

import { computeOtp } from '../../../src/auth/factors/totp.ts'
import { COSMO, fetchApp, now, postJson, startSession, type Tokens } from '../../helpers.ts'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export function fromBase32(text: string): Uint8Array {
  const bits = [...text].map((char) => BASE32.indexOf(char).toString(2).padStart(5, '0')).join('')
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2))
}

/** Returns the code that an authenticator app shows, by default now. */
export const showOtp = (secret: string, at = now()): Promise<string> =>
  computeOtp(fromBase32(secret), Math.floor(at / 30))

export const send = (method: string, path: string, token: string, body?: object) =>
  fetchApp(path, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })

export type Enrolled = { id: string; secret: string; codes: string[]; tokens: Tokens }

type Pending = { id: string; totp: { secret: string; uri: string } }

export const beginEnrolment = async (token: string, friendly_name = 'phone'): Promise<Pending> =>
  (await send('POST', '/me/factors', token, { factor_type: 'totp', friendly_name })).json()

/** Enrols an app in a new session, which has shown the second factor then. */
export async function enrol(credentials = COSMO): Promise<Enrolled> {
  const tokens = await startSession(credentials)
  const { id, totp } = await beginEnrolment(tokens.access_token)
  const otp = await showOtp(totp.secret)
  const verified = await send('POST', `/me/factors/${id}/verify`, tokens.access_token, { otp })
  const { recovery_codes: codes } = await verified.json<{ recovery_codes: string[] }>()
  return { id, secret: totp.secret, codes, tokens }
}

export const logIn = (fields: object = {}) => postJson('/login', { ...COSMO, ...fields })

/** Logs in with a one-time code or a recovery code. */
export const logInWith = async (otp: string): Promise<Tokens> => (await logIn({ otp })).json()

/** Makes the sessions of a user such that have shown no second factor, which no request can. */
export const forgetFactor = () => env.DB.prepare('UPDATE sessions SET aal = 1').run()
