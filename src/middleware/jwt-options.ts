// The options of the guard: a closed set. What makes no sense does not compile, and throws when the guard is created.

export type GuardOptions = {
  /** By default `access`. Behind `refresh`, call `refreshSession`; for `any` the guard reads the database. */
  tokenType?: 'access' | 'refresh' | 'any'
  /** Lets a request without a token pass, with `c.var.user` undefined. */
  optional?: boolean
  /**
   * Requires a login at most this many seconds ago (RFC 9470) and a live session, and takes the roles, from
   * the database as of now: nothing of it waits for REVOCATION_SECONDS or is believed of the token.
   */
  fresh?: number
  /** Requires one of these roles: those of the token, with `fresh` those of the database. */
  roles?: readonly [string, ...string[]]
  /** `aal2` requires a session with a second factor; `aal1` requires none, regardless of MFA. */
  acr?: 'aal1' | 'aal2'
  /**
   * Without an Authorization header, accepts the refresh token of a browser session from its cookie, for
   * unsafe methods only from a page of this origin.
   */
  cookies?: boolean
}

type PositiveInteger<Value> = `${Value & number}` extends '0' | `-${string}` | `${string}.${string}`
  ? never
  : Value

type ForAccess = { tokenType?: 'access'; optional?: false; [other: string]: unknown }

/** What each option may be beside the others. */
type Allowed<Options> = {
  tokenType: unknown
  optional: unknown
  fresh: Options extends ForAccess & { fresh: infer Seconds } ? PositiveInteger<Seconds> : never
  roles: Options extends ForAccess ? unknown : never
  acr: Options extends ForAccess ? unknown : Options extends { tokenType: 'any' } ? 'aal1' : never
  cookies: Options extends { tokenType: 'refresh' | 'any' } ? unknown : false
}

/** Turns unknown options, literals out of range and combinations that make no sense into `never`. */
export type Valid<Options> = {
  [Name in keyof Options]: Name extends keyof GuardOptions ? Allowed<Options>[Name] : never
}

const isBoolean = (value: unknown) => typeof value === 'boolean'

const RULES: Record<keyof GuardOptions, [check: (value: unknown) => boolean, rule: string]> = {
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
  acr: [(value) => ['aal1', 'aal2'].includes(String(value)), "'aal1' or 'aal2'"],
  cookies: [isBoolean, 'true or false'],
}

/** Throws a TypeError that names the mistake. */
export function validateOptions(options: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(RULES, name))
      throw mistake(`unknown option '${name}'. The options are ${Object.keys(RULES).join(', ')}`)
    const [check, rule] = RULES[name as keyof GuardOptions]
    if (!check(value)) throw mistake(`'${name}' must be ${rule}`)
  }
  const { tokenType = 'access', optional, cookies, acr } = options
  const name = ['roles', 'fresh', 'acr'].find((option) => options[option])
  const isExempt = tokenType === 'any' && name === 'acr' && acr === 'aal1'
  if (name && tokenType !== 'access' && !isExempt) throw mistake(`'${name}' requires access tokens`)
  if (name && optional) throw mistake(`'${name}' cannot be optional`)
  if (cookies && tokenType === 'access')
    throw mistake("cookies contain refresh tokens: add tokenType 'refresh' or 'any'")
}

const mistake = (text: string) => new TypeError(`jwtRequired: ${text}.`)
