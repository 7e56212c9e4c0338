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
  JWT_SECRET: z._default(z.string(), ''), // judged by the key ring
  JWT_SECRET_NEXT: z._default(z.string(), ''),
  JWT_SECRET_PREVIOUS: z._default(z.string(), ''),
  JWT_ISSUER: text,
  JWT_AUDIENCE: text,
  ACCESS_TOKEN_SECONDS: whole(1),
  SESSION_IDLE_SECONDS: whole(1),
  SESSION_MAX_SECONDS: whole(1),
  REFRESH_GRACE_SECONDS: whole(0),
  REVOCATION_SECONDS: whole(0),
  MAX_SESSIONS: whole(1),
  LOGIN_MAX_FAILURES: whole(1),
  LOGIN_MAX_FAILURES_PER_NAME: whole(1),
  LOGIN_WINDOW_SECONDS: whole(1),
  CORS_ORIGINS: origins,
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
