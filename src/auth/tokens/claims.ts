// The claims of both token types (RFC 7519 4.1, RFC 9068 2.2). Times are Unix seconds.

import * as z from 'zod/mini'

const text = z.string()
const filled = z.string().check(z.minLength(1))
const time = z.int()

/** How the user logged in (RFC 8176, RFC 9068 2.2.1); absent in tokens of earlier versions. */
const common = {
  amr: z.optional(z.readonly(z.array(text))),
  acr: z.optional(text),
  iss: text,
  aud: text,
  sub: filled,
  sid: filled,
  auth_time: time,
  iat: time,
  nbf: z.optional(time),
  exp: time,
}
// Read-only and frozen, because later requests with the same token get the same claims.
const AccessSchema = z.readonly(
  z.object({
    ...common,
    type: z.literal('access'),
    jti: filled,
    roles: z.readonly(z.array(text)),
  }),
)
const RefreshSchema = z.readonly(
  z.object({
    ...common,
    type: z.literal('refresh'),
    jti: z.string().check(z.regex(/^[\w-]+\.\d{1,9}$/)),
  }),
)

export const ClaimsSchema = z.discriminatedUnion('type', [AccessSchema, RefreshSchema])
export const HeaderSchema = z.object({ kid: text })

export type AccessClaims = z.output<typeof AccessSchema>
/** `jti` is the session's id, a dot, and its generation. */
export type RefreshClaims = z.output<typeof RefreshSchema>
export type Claims = AccessClaims | RefreshClaims

/**
 * The audience of refresh tokens: a service that knows only jwks.json must not accept one as an access
 * token (RFC 8725 3.12).
 */
export const toRefreshAudience = (audience: string): string => `${audience}/refresh`
