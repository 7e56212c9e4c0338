// The options of the guard in other Workers: those of `jwtRequired` that concern access tokens.

import {
  type GuardOptions as AllOptions,
  type Valid as ValidOf,
  validateOptions,
} from '../../middleware/jwt-options.ts'
import type { AccessClaims } from '../../rpc/contract.ts'

/** Refresh tokens, also in cookies, are for Latchkey alone (RFC 6749 1.5). */
type ForLatchkey = 'tokenType' | 'cookies'

export type GuardOptions = Omit<AllOptions, ForLatchkey>

/** Turns unknown options, literals out of range and combinations that make no sense into `never`. */
export type Valid<Options> = ValidOf<Options> & { [Name in ForLatchkey]?: never }

export type UserOf<Options> =
  | AccessClaims
  | (Options extends { optional: infer Flag } ? (true extends Flag ? undefined : never) : never)

/** Throws a TypeError that names the mistake. */
export function validateGuardOptions(options: GuardOptions): void {
  if ('tokenType' in options || 'cookies' in options)
    throw new TypeError("Only Latchkey accepts refresh tokens: remove 'tokenType' and 'cookies'.")
  validateOptions(options)
}
