// The wire contract: what requests may hold, with the lesson's texts (Marshmallow's).

import * as z from 'zod/mini'

/** The text for a value that is missing, null or of another type. */
const otherThan =
  (type: string) =>
  ({ input }: { input?: unknown }) => {
    if (input === undefined) return 'Missing data for required field.'
    return input === null ? 'Field may not be null.' : `Not a valid ${type}.`
  }

/**
 * A required, non-empty string of whole characters: JSON can spell half a surrogate pair (RFC 8259 8.2),
 * all of which are the same in UTF-8, so that another password would be taken for the right one.
 */
const requiredString = z
  .string({ error: otherThan('string') })
  .check(z.refine((text) => text !== '', 'Shorter than minimum length 1.'))
  .check(z.refine((text) => text.isWellFormed(), 'Not a valid string.'))

const boolean = z.boolean({ error: otherThan('boolean') })

/** An object of exactly these fields. */
const exactly = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, { error: 'Invalid input type.' })

/** `cookie` is for browsers: the refresh token in a cookie, and not in the answer. */
export const LoginBody = exactly({
  username: requiredString,
  password: requiredString,
  cookie: z.optional(boolean),
})

export const PasswordBody = exactly({
  current_password: requiredString,
  new_password: requiredString,
})

/** A role: without quotes and backslashes, since the database finds admins in JSON. */
export const ROLE = /^[^\p{C}"\\]{1,64}$/u
export const ROLE_RULE = 'of 1 to 64 characters each, no control character, quote or backslash'
export const MAX_ROLES = 50

const roles = z
  .array(z.string({ error: otherThan('string') }).check(z.regex(ROLE, 'Not a valid role.')), {
    error: otherThan('list'),
  })
  .check(z.maxLength(MAX_ROLES, `Longer than maximum length ${MAX_ROLES}.`))

export const UserBody = exactly({
  username: requiredString,
  password: requiredString,
  roles: z._default(roles, []),
})

/** What is left out stays as it is. */
export const UserPatch = exactly({
  password: z.optional(requiredString),
  roles: z.optional(roles),
  disabled: z.optional(boolean),
}).check(z.refine((patch) => Object.keys(patch).length > 0, 'Nothing to change.'))

export const LogoutQuery = exactly({
  scope: z._default(
    z.enum(['session', 'others', 'all'], 'Must be one of: others, all.'),
    'session',
  ),
})

/** How many a page of a list holds. */
const limit = z._default(
  z.pipe(
    z.string().check(z.regex(/^([1-9]\d?|100)$/, 'Must be between 1 and 100.')),
    z.transform(Number),
  ),
  20,
)

/** A page of a list: `after` is the `next` of the page before. */
export const PageQuery = exactly({
  limit,
  after: z.optional(z.string().check(z.regex(/^\d{1,12}\.[\w-]{1,22}$/, 'Not a page.'))),
})

/** A page of the users whose names begin with `prefix`. */
export const UsersQuery = exactly({
  limit,
  prefix: z.optional(z.string().check(z.maxLength(128, 'Longer than maximum length 128.'))),
  after: z.optional(z.string().check(z.maxLength(512, 'Not a page.'))),
})
