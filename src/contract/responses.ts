// What the API responds with. The Worker uses the types only; the schemas are for openapi.json and the tests.

import * as z from 'zod/mini'

/** An error of the guard. */
export const GuardError = z.strictObject({ msg: z.string() })
/** Any other error: a text, or the errors of each field. */
export const ErrorBody = z.strictObject({
  error: z.union([z.string(), z.record(z.string(), z.array(z.string()))]),
})
export const Message = z.strictObject({ message: z.string() })
export const Status = z.strictObject({ status: z.string() })

/** RFC 6749 5.1. `refresh_token` is absent when it is in a cookie. Lifetimes are in seconds from now. */
export const TokenResponse = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int(),
  refresh_token: z.optional(z.string()),
  refresh_expires_in: z.int(),
  /** After a login with a recovery code. */
  recovery_codes_left: z.optional(z.int()),
})
export type TokenResponse = z.infer<typeof TokenResponse>

export const AccountResponse = z.strictObject({
  username: z.string(),
  roles: z.readonly(z.array(z.string())),
  auth_time: z.int(),
})
export type AccountResponse = z.infer<typeof AccountResponse>

export const UserResponse = z.strictObject({
  username: z.string(),
  roles: z.array(z.string()),
  created_at: z.int(),
  /** Null for an enabled user. */
  disabled_at: z.nullable(z.int()),
})
export type UserResponse = z.infer<typeof UserResponse>

/** `after` of the next page. */
const next = z.nullable(z.string())

/** A one-time code, shown only here. */
export const CodeResponse = z.strictObject({ code: z.string(), expires_at: z.int() })
export type CodeResponse = z.infer<typeof CodeResponse>

/** A new user; with `code`, if they are invited. */
export const NewUserResponse = z.union([
  UserResponse,
  z.strictObject({ ...UserResponse.shape, ...CodeResponse.shape }),
])
export type NewUserResponse = z.infer<typeof NewUserResponse>

export const UsernameResponse = z.strictObject({ username: z.string() })

export const UserListResponse = z.strictObject({ users: z.array(UserResponse), next })

export const SessionListResponse = z.strictObject({
  sessions: z.array(
    z.strictObject({
      id: z.string(),
      created_at: z.int(),
      refreshed_at: z.int(),
      expires_at: z.int(),
      user_agent: z.string(),
      country: z.string(),
      current: z.boolean(),
    }),
  ),
  next,
})
export type SessionListResponse = z.infer<typeof SessionListResponse>

/** A factor that is about to be enrolled, with its seed, which is shown only here. */
export const NewFactorResponse = z.strictObject({
  id: z.string(),
  type: z.literal('totp'),
  friendly_name: z.string(),
  totp: z.strictObject({ secret: z.string(), uri: z.string() }),
})
export type NewFactorResponse = z.infer<typeof NewFactorResponse>

export const FactorListResponse = z.strictObject({
  factors: z.array(
    z.strictObject({
      id: z.string(),
      type: z.literal('totp'),
      friendly_name: z.string(),
      /** Disabled after too many wrong codes. */
      status: z.enum(['unverified', 'verified', 'disabled']),
      created_at: z.int(),
    }),
  ),
})
export type FactorListResponse = z.infer<typeof FactorListResponse>

/** Recovery codes, shown only here. */
export const RecoveryCodesResponse = z.strictObject({ recovery_codes: z.array(z.string()) })
export const NewCodesResponse = z.strictObject({ codes: z.array(z.string()) })
export const CodeCountResponse = z.strictObject({ total: z.int(), remaining: z.int() })

/** What can happen to an account. The names are those of the log. */
export const EVENTS = [
  'code.created',
  'factor.added',
  'factor.disabled',
  'factor.removed',
  'login.limited',
  'login.succeeded',
  'password.changed',
  'password.reset',
  'password.set',
  'recovery_code.used',
  'recovery_codes.created',
  'roles.changed',
  'session.reuse_detected',
  'session.revoked',
  'user.added',
  'user.disabled',
  'user.enabled',
  'user.invited',
  'user.removed',
  'user.signed_up',
] as const

export const EventsResponse = z.strictObject({
  events: z.array(
    z.strictObject({
      id: z.string(),
      time: z.int(),
      event: z.enum(EVENTS),
      username: z.string(),
      /** Who did it. Null: an operator on the command line, or unknown. */
      by: z.nullable(z.string()),
      /** A hash of the id of the acting session. */
      session: z.nullable(z.string()),
      address: z.nullable(z.string()),
      country: z.nullable(z.string()),
    }),
  ),
  next,
})
export type EventsResponse = z.infer<typeof EventsResponse>

/** RFC 7517 5. */
export const JwkSet = z.strictObject({ keys: z.array(z.record(z.string(), z.string())) })
