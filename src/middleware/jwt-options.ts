// The options of the guard: a closed set. What makes no sense does not compile, and throws when the guard is created.

/** Requires an access token. */
type AccessOptions = {
  tokenType?: 'access'
  optional?: false
  /**
   * Requires a login at most this many seconds ago (RFC 9470) and a live session, and takes the roles, from
   * the database as of now: nothing of it waits for REVOCATION_SECONDS or is believed of the token.
   */
  fresh?: number
  /** Requires one of these roles: those of the token, with `fresh` those of the database. */
  roles?: readonly [string, ...string[]]
  cookies?: never
}

/** Lets a request without a token pass, with `c.var.user` undefined. */
type OptionalOptions = {
  tokenType?: 'access'
  optional: true
  fresh?: never
  roles?: never
  cookies?: never
}

/**
 * Requires a refresh token, which `refreshSession` must check, or accepts `any` type, for which the guard
 * reads the database.
 */
type RefreshOptions = {
  tokenType: 'refresh' | 'any'
  optional?: boolean
  /**
   * Without an Authorization header, accepts the refresh token of a browser session from its cookie, for
   * unsafe methods only from a page of this origin.
   */
  cookies?: boolean
  fresh?: never
  roles?: never
}

export type GuardOptions = AccessOptions | OptionalOptions | RefreshOptions

type PositiveInteger<Value> = `${Value & number}` extends '0' | `-${string}` | `${string}.${string}`
  ? never
  : Value

/** Turns unknown options, and literals out of range, into `never`. */
export type Valid<Options> = {
  [Name in keyof Options]: Name extends keyof AccessOptions
    ? Name extends 'fresh'
      ? PositiveInteger<Options[Name]>
      : Options[Name]
    : never
}

const isBoolean = (value: unknown) => typeof value === 'boolean'

const RULES: Record<keyof AccessOptions, [check: (value: unknown) => boolean, rule: string]> = {
  tokenType: [
    (value) => ['access', 'refresh', 'any'].includes(String(value)),
    "'access', 'refresh' or 'any'",
  ],
  optional: [isBoolean, 'true or false'],
  fresh: [(value) => Number.isSafeInteger(value) && Number(value) > 0, 'a whole number of seconds'],
  roles: [
    (value) =>
      Array.isArray(value) && value.length > 0 && value.every((role) => typeof role === 'string'),
    'a list of one or more roles',
  ],
  cookies: [isBoolean, 'true or false'],
}

/** Throws a TypeError that names the mistake. */
export function validateOptions(options: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(RULES, name))
      throw new TypeError(
        `jwtRequired: unknown option '${name}'. The options are ${Object.keys(RULES).join(', ')}.`,
      )
    const [check, rule] = RULES[name as keyof AccessOptions]
    if (!check(value)) throw new TypeError(`jwtRequired: '${name}' must be ${rule}.`)
  }
  const { tokenType = 'access', optional, roles, fresh, cookies } = options
  const name = roles ? 'roles' : 'fresh'
  if ((roles || fresh) && tokenType !== 'access')
    throw new TypeError(`jwtRequired: '${name}' requires access tokens.`)
  if ((roles || fresh) && optional)
    throw new TypeError(`jwtRequired: '${name}' cannot be optional.`)
  if (cookies && tokenType === 'access')
    throw new TypeError(
      "jwtRequired: cookies contain refresh tokens: add tokenType 'refresh' or 'any'.",
    )
}
