// The Worker's settings: wrangler's environment, parsed and checked.

import * as z from 'zod/mini'

import { AppError } from './errors.ts'

/** `[vars]` may also contain numbers, lists and tables. */
const string = () => z.string('must be a string, in quotes')

/** A whole number of at least `min`, as a string. */
const whole = (min: number) =>
  z.pipe(
    string().check(
      z.regex(/^\d{1,9}$/, 'must be a whole number'),
      z.refine((digits) => Number(digits) >= min, `must be ${min} or more`),
    ),
    z.transform(Number),
  )
// Each is created once, because creating schemas is a good part of a cold start.
const secret = z._default(string(), '') // checked by the key ring
const natural = whole(0)
const positive = whole(1)
/** Bounded, so that every token that is issued is accepted: a guard refuses tokens over 4096 characters. */
const text = string().check(
  z.minLength(1, 'must not be empty'),
  z.maxLength(256, 'must not exceed 256 characters'),
)

/** Origins (RFC 6454) separated by commas, as browsers and apps send them: scheme, host and port only. */
const origins = z.pipe(
  string().check(
    z.refine((list) => !list.includes('*'), 'must not contain *: list each origin'),
    z.refine(
      (list) => splitList(list).every(isOrigin),
      'must be origins like https://app.example.com or capacitor://localhost, separated by commas',
    ),
  ),
  z.transform(splitList),
)

function splitList(list: string): string[] {
  return list.split(',').flatMap((part) => part.trim() || [])
}

/** Schemes whose pages send `Origin: null`, or that pages cannot have. */
const NO_ORIGIN = /^(about|blob|data|file|ftp|wss?):/
/** Apps with a web view, and browser extensions; `URL` knows no origins of other schemes. */
const APP_ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[a-z\d-]+(\.[a-z\d-]+)*(:[1-9]\d{0,4})?$/

function isOrigin(part: string): boolean {
  if (!URL.canParse(part) || NO_ORIGIN.test(part)) return false
  return /^https?:/.test(part) ? new URL(part).origin === part : APP_ORIGIN.test(part)
}

/** An origin, or empty. Links are made with it, never with the host of a request, which an attacker may choose. */
const publicUrl = string().check(
  z.refine(
    (url) => url === '' || (URL.canParse(url) && new URL(url).origin === url),
    'must be an origin like https://auth.example.com',
  ),
)

const mfa = z.enum(['optional', 'admins', 'all'], 'must be optional, admins or all')

const binding = <Binding>() =>
  z.custom<Binding>((value) => typeof value === 'object' && value !== null, 'is not bound')

// A default applies when wrangler.toml does not contain a setting, for example after an update, or in an environment.
const SettingsSchema = z.object({
  DB: binding<D1Database>(),
  LOGIN_LIMITER: binding<RateLimit>(),
  REFRESH_LIMITER: binding<RateLimit>(),
  JWT_SECRET: secret,
  JWT_SECRET_NEXT: secret,
  JWT_SECRET_PREVIOUS: secret,
  DATA_SECRET: secret,
  DATA_SECRET_NEXT: secret,
  DATA_SECRET_PREVIOUS: secret,
  JWT_ISSUER: z.prefault(text, 'latchkey'),
  JWT_AUDIENCE: z.prefault(text, 'latchkey'),
  ACCESS_TOKEN_SECONDS: z.prefault(positive, '900'),
  SESSION_IDLE_SECONDS: z.prefault(positive, '604800'),
  SESSION_MAX_SECONDS: z.prefault(positive, '2592000'),
  REFRESH_GRACE_SECONDS: z.prefault(natural, '30'),
  REVOCATION_SECONDS: z.prefault(natural, '5'),
  MAX_SESSIONS: z.prefault(positive, '20'),
  LOGIN_MAX_FAILURES: z.prefault(positive, '10'),
  LOGIN_MAX_FAILURES_PER_NAME: z.prefault(positive, '100'),
  LOGIN_WINDOW_SECONDS: z.prefault(positive, '900'),
  CORS_ORIGINS: z.prefault(origins, ''),
  SIGNUP: z.prefault(z.enum(['closed', 'open'], 'must be closed or open'), 'closed'),
  CODE_SECONDS: z.prefault(positive, '86400'),
  EVENT_DAYS: z.prefault(positive, '90'),
  PUBLIC_URL: z.prefault(publicUrl, ''),
  MFA: z.prefault(mfa, 'optional'),
  PASSWORD_MIN_LENGTH: z.prefault(whole(8), '15'), // NIST SP 800-63B-4 3.1.1.2
})

export type Settings = Readonly<z.output<typeof SettingsSchema>>

/** Secrets, and bindings, whose contents nobody wants to read. */
const NOT_SHOWN = /SECRET|^DB$|_LIMITER$/

/** Throws `settings_invalid` with each variable that is wrong, and its value if it is not a secret. */
export function readSettings(env: Env): Settings {
  const values: Record<string, unknown> = { ...env }
  const { data, error } = SettingsSchema.safeParse(values)
  if (data) return data
  const problems = error?.issues.map(({ path, message }) => {
    const name = path.join('.')
    const value = NOT_SHOWN.test(name) ? '' : `, not ${JSON.stringify(values[name])}`
    return `${name} ${message}${value}`
  })
  const reason = `${problems?.join('; ')}: see [vars] in wrangler.toml`
  throw new AppError('settings_invalid', { reason })
}
