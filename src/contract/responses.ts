// What the API answers with: for its description and for the tests; the Worker itself does not need it.

import * as z from 'zod/mini'

/** What the guard says. */
export const Refusal = z.strictObject({ msg: z.string() })
/** What everything else says: a text, or the errors of each field. */
export const Failure = z.strictObject({
  error: z.union([z.string(), z.record(z.string(), z.array(z.string()))]),
})
export const Message = z.strictObject({ message: z.string() })
export const Status = z.strictObject({ status: z.string() })
/** `refresh_token` is left out where it is in a cookie. Lifetimes are in seconds from now. */
export const Tokens = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int(),
  refresh_token: z.optional(z.string()),
  refresh_expires_in: z.int(),
})
export const Me = z.strictObject({
  username: z.string(),
  roles: z.array(z.string()),
  auth_time: z.int(),
})
export const User = z.strictObject({
  username: z.string(),
  roles: z.array(z.string()),
  created_at: z.int(),
  /** Null for a user who may log in. */
  disabled_at: z.nullable(z.int()),
})
export const UserList = z.strictObject({
  users: z.array(User),
  /** `after` of the next page. */
  next: z.nullable(z.string()),
})
export const SessionList = z.strictObject({
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
  /** `after` of the next page. */
  next: z.nullable(z.string()),
})
/** RFC 7517 5. */
export const KeySet = z.strictObject({ keys: z.array(z.record(z.string(), z.string())) })
