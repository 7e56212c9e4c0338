// The Worker's settings: wrangler's environment, parsed once per isolate.

import * as z from 'zod/mini'

import { AppError } from './errors.ts'

/** A whole number of at least `min`, as text. */
const whole = (min: number) =>
  z.pipe(
    z.string().check(
      z.regex(/^\d{1,9}$/, 'must be a whole number'),
      z.refine((digits) => Number(digits) >= min, `must be ${min} or more`),
    ),
    z.transform(Number),
  )
// Each made once: schemas are a good part of a cold start.
const secret = z._default(z.string(), '') // judged by the key ring
const natural = whole(0)
const positive = whole(1)
const text = z.string().check(z.minLength(1, 'must not be empty'))

/** Origins (RFC 6454) with commas between them, as browsers send them: scheme and host, nothing behind. */
const origins = z.pipe(
  z
    .string()
    .check(
      z.refine(
        (list) =>
          splitList(list).every((part) => URL.canParse(part) && new URL(part).origin === part),
        'must be origins like https://app.example.com, with commas between them',
      ),
    ),
  z.transform(splitList),
)

function splitList(list: string): string[] {
  return list.split(',').flatMap((part) => part.trim() || [])
}

const Settings = z.object({
  DB: z.custom<D1Database>((value) => typeof value === 'object' && value !== null, 'is not bound'),
  LOGIN_LIMITER: z.custom<RateLimit>(
    (value) => typeof value === 'object' && value !== null,
    'is not bound',
  ),
  JWT_SECRET: secret,
  JWT_SECRET_NEXT: secret,
  JWT_SECRET_PREVIOUS: secret,
  JWT_ISSUER: text,
  JWT_AUDIENCE: text,
  ACCESS_TOKEN_SECONDS: positive,
  SESSION_IDLE_SECONDS: positive,
  SESSION_MAX_SECONDS: positive,
  REFRESH_GRACE_SECONDS: natural,
  REVOCATION_SECONDS: natural,
  MAX_SESSIONS: positive,
  LOGIN_MAX_FAILURES: positive,
  LOGIN_MAX_FAILURES_PER_NAME: positive,
  LOGIN_WINDOW_SECONDS: positive,
  CORS_ORIGINS: origins,
  SIGNUP: z.enum(['closed', 'open'], 'must be closed or open'),
  PASSWORD_MIN_LENGTH: whole(8), // NIST SP 800-63B-4 3.1.1.2
})

export type Config = Readonly<z.output<typeof Settings>>

const parsed = new WeakMap<object, Config>()

/**
 * The settings of this Worker. Throws `settings_invalid`, with the name of each variable that is wrong
 * (never its value), until they are right.
 */
export function readConfig(env: Env): Config {
  const known = parsed.get(env)
  if (known) return known
  const result = Settings.safeParse(env)
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`)
    throw new AppError('settings_invalid', `${problems.join('; ')}: see [vars] in wrangler.toml`)
  }
  parsed.set(env, result.data)
  return result.data
}
