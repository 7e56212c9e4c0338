// The guard for handlers without a framework.

import { readBearer, toHeaderError } from '../../http/bearer.ts'
import type { AccessClaims } from '../../rpc/contract.ts'
import { openAuthority, Refused } from './authority.ts'
import { type GuardOptions, type UserOf, type Valid, validateGuardOptions } from './options.ts'
import { REFUSALS } from './refusals.ts'

export { validateGuardOptions }

/** Either `user`, or the `response` to send: 401, 403 or 503. */
export type Authentication<User> =
  | { user: User; response?: undefined }
  | { user?: undefined; response: Response }

/**
 * Requires `Authorization: Bearer <access token>` of a request. `env` has the service binding LATCHKEY.
 *
 * @throws TypeError for unknown options and values out of range.
 * @example
 * const { user, response } = await authenticate(request, env)
 * if (response) return response
 */
export async function authenticate<const Options extends GuardOptions = object>(
  request: { headers: Headers },
  env: { LATCHKEY: object },
  options?: Options & Valid<Options>,
): Promise<Authentication<UserOf<Options>>>
export async function authenticate(
  request: { headers: Headers },
  env: { LATCHKEY: object },
  options: GuardOptions = {},
): Promise<Authentication<AccessClaims | undefined>> {
  validateGuardOptions(options)
  return decide(request, env, options)
}

/** Does what `authenticate` does, with options that have been validated. */
export async function decide(
  request: { headers: Headers },
  env: { LATCHKEY: object },
  { optional, ...others }: GuardOptions,
): Promise<Authentication<AccessClaims | undefined>> {
  try {
    const header = request.headers.get('Authorization')
    if (!header && optional) return { user: undefined }
    const token = header && readBearer(header)
    if (!token) throw new Refused(REFUSALS[toHeaderError(header)])
    return { user: await openAuthority(env.LATCHKEY).check(token, others) }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const { body, ...init } = error.refusal
    return { response: Response.json(body, init) }
  }
}
