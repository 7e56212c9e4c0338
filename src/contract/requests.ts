// What requests may contain, with the lesson's texts (Marshmallow's). Usernames are normalised here only.

import * as z from 'zod/mini'

import { describeIssue as error } from './validation.ts'

/**
 * A required, non-empty, well-formed string: JSON can contain half a surrogate pair (RFC 8259 8.2), all
 * of which have the same UTF-8, so that another password would be accepted.
 */
const requiredString = z.string({ error }).check(
  z.refine((text) => text !== '', { error: 'Shorter than minimum length 1.', abort: true }),
  z.refine((text) => text.isWellFormed(), { error: 'Not a valid string.', abort: true }),
)

/** A username in NFC, in which it is stored, compared and counted. */
export const Username = requiredString.check(z.normalize('NFC'))

/** `cookie` is for browsers: the refresh token goes into a cookie and not into the response. */
const cookie = z._default(z.boolean(), false)
const credentials = { username: Username, password: requiredString, cookie }

export const SignUpBody = z.strictObject(credentials)

/** `otp` is a code of an authenticator app, or a recovery code. */
export const LoginBody = z.strictObject({ ...credentials, otp: z.optional(requiredString) })
export const OtpBody = z.strictObject({ otp: requiredString })

// Not literals: to parse one with `\p{…}` would take a millisecond of each cold start.
const matches = (pattern: string) => (text: string) => new RegExp(pattern, 'u').test(text)

/** One line with a visible character, and without control characters, which a terminal would interpret. */
const NAME = String.raw`^(?=.*[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800])[^\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]*$`

export const FactorBody = z.strictObject({
  factor_type: z.literal('totp'),
  friendly_name: requiredString.check(
    z.maxLength(64),
    z.refine(matches(NAME), 'Not a valid name.'),
  ),
})

export const PasswordBody = z.strictObject({
  current_password: requiredString,
  new_password: requiredString,
  cookie,
})

const MAX_ROLES = 50
/** A token has at most 4096 characters: what is issued must be accepted. */
const MAX_ROLES_BYTES = 1024
/** Nothing invisible, no space but the usual one, and no quotes: the database finds admins in JSON. */
const ROLE = String.raw`^(?: |[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800"\\]){1,64}$`
const Role = z.string({ error }).check(z.refine(matches(ROLE), 'Not a valid role.'))
export const Roles = z.array(Role, { error }).check(
  z.maxLength(MAX_ROLES),
  z.refine(
    (roles) => new TextEncoder().encode(JSON.stringify(roles)).length <= MAX_ROLES_BYTES,
    `Longer than ${MAX_ROLES_BYTES} bytes in all.`,
  ),
)
export const ROLE_RULE = `at most ${MAX_ROLES} roles of 1 to 64 characters and ${MAX_ROLES_BYTES} bytes in all, without control characters, quotes and backslashes`

/** Without a password the user is invited: they choose it themselves, with a code. */
export const UserBody = z.strictObject({
  username: Username,
  password: z.optional(requiredString),
  roles: z._default(Roles, []),
})

export const ResetBody = z.strictObject({ code: requiredString, new_password: requiredString })

/** What is left out stays unchanged. */
export const UserPatch = z
  .strictObject({
    password: z.optional(requiredString),
    roles: z.optional(Roles),
    disabled: z.optional(z.boolean()),
  })
  .check(z.refine((patch) => Object.keys(patch).length > 0, 'Nothing to change.'))

export const UserPath = z.object({ username: Username })

export const LogoutQuery = z.strictObject({
  scope: z._default(z.enum(['session', 'others', 'all']), 'session'),
})

const LIMIT_RULE = 'Must be between 1 and 100.'
/** The number of entries per page. */
const limit = z._default(
  z.pipe(z.string(LIMIT_RULE).check(z.regex(/^([1-9]\d?|100)$/, LIMIT_RULE)), z.transform(Number)),
  20,
)

const page = z.string('Not a page.')

/** A page of a list: `after` is the `next` of the previous page; empty for the first one. */
export const PageQuery = z.strictObject({
  limit,
  after: z.optional(page.check(z.regex(/^(\d{1,12}\.[\w-]{1,22})?$/, 'Not a page.'))),
})

/** A page of the users whose names begin with `prefix`. */
export const UsersQuery = z.strictObject({
  limit,
  prefix: z.optional(z.string().check(z.maxLength(128))),
  after: z.optional(page.check(z.maxLength(512, 'Not a page.'))),
})

/** Which events to list; by default all, of all users. */
const which = { username: z.optional(Username), event: z.optional(z.string()) }
export const EventsQuery = z.strictObject({ ...PageQuery.shape, ...which })
export type EventsQuery = z.output<typeof EventsQuery>
