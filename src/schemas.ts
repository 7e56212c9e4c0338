// The wire contract: what request bodies may hold, with the lesson's texts (Marshmallow's).

import * as z from 'zod/mini'

/** A required, non-empty string. */
const requiredString = z
  .string({
    error: ({ input }) => {
      if (input === undefined) return 'Missing data for required field.'
      return input === null ? 'Field may not be null.' : 'Not a valid string.'
    },
  })
  .check(z.refine((text) => text !== '', 'Shorter than minimum length 1.'))

export const LoginBody = z.strictObject(
  { username: requiredString, password: requiredString },
  { error: 'Invalid input type.' },
)
