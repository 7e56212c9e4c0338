// The claims of both token types (RFC 7519 4.1, RFC 9068 2.2). Times are Unix seconds.

type Texts = Record<'iss' | 'aud' | 'sub' | 'sid' | 'jti', string>
type Times = Record<'auth_time' | 'iat' | 'exp', number> & { nbf?: number | undefined }
/** How the user logged in (RFC 8176, RFC 9068 2.2.1); absent in tokens of earlier versions. */
type Method = { amr?: readonly string[] | undefined; acr?: string | undefined }
type Common = Texts & Times & Method
// Read-only and frozen, because later requests with the same token get the same claims.
export type AccessClaims = Readonly<Common & { type: 'access'; roles: readonly string[] }>
/** `jti` is the session's id, a dot, and its generation. */
export type RefreshClaims = Readonly<Common & { type: 'refresh' }>
export type Claims = AccessClaims | RefreshClaims

const isText = (value: unknown): value is string => typeof value === 'string'
const isFilled = (value: unknown): value is string => isText(value) && value !== ''
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText)
const isTime = (value: unknown): value is number => Number.isSafeInteger(value)
const REFRESH_ID = /^[\w-]+\.\d{1,9}$/

/** Returns the claims in a payload, without others; undefined when one is missing or of another type. */
export function parseClaims(payload: unknown): Claims | undefined {
  const { iss, aud, sub, sid, auth_time, iat, exp, type, jti, roles } = Object(payload)
  const { nbf, amr, acr } = Object(payload)
  if (!isText(iss) || !isText(aud) || !isFilled(sub) || !isFilled(sid) || !isFilled(jti)) return
  if (!isTime(auth_time) || !isTime(iat) || !isTime(exp)) return undefined
  if (nbf !== undefined && !isTime(nbf)) return undefined
  if (acr !== undefined && !isText(acr)) return undefined
  if (amr !== undefined && !isTexts(amr)) return undefined
  const common = {
    iss,
    aud,
    sub,
    sid,
    auth_time,
    iat,
    nbf,
    exp,
    jti,
    acr,
    amr: amr && Object.freeze(amr),
  }
  if (type === 'refresh' && REFRESH_ID.test(jti)) return Object.freeze({ ...common, type })
  if (type !== 'access' || !isTexts(roles)) return undefined
  return Object.freeze({ ...common, type, roles: Object.freeze(roles) })
}

/**
 * The audience of refresh tokens: a service that knows only jwks.json must not accept one as an access
 * token (RFC 8725 3.12).
 */
export const toRefreshAudience = (audience: string): string => `${audience}/refresh`
