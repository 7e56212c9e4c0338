// The guard for Workers with Hono: nothing behind it runs without a token that Latchkey accepts.

import type { MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

import { decide, validateGuardOptions } from './authenticate.ts'
import type { GuardOptions, UserOf, Valid } from './options.ts'

/**
 * Requires `Authorization: Bearer <access token>` and puts the token's claims into `c.var.user`. The service
 * binding LATCHKEY leads to the entrypoint `Guard` of Latchkey.
 *
 * @throws TypeError for unknown options and values out of range.
 * @example new Hono().use('/reports/*', jwtRequired({ roles: ['auditor'] }))
 */
export function jwtRequired<const Options extends GuardOptions = object>(
  options?: Options & Valid<Options>,
): MiddlewareHandler<{ Variables: { user: UserOf<Options> } }>
export function jwtRequired(options: GuardOptions = {}): MiddlewareHandler {
  validateGuardOptions(options)
  return async function requireToken(c, next) {
    const { user, response } = await decide(c.req.raw, c.env, options)
    // Thrown, so that a guard called inside a handler stops it, too.
    if (response)
      throw new HTTPException(response.status as ContentfulStatusCode, { res: response })
    c.set('user', user)
    return next()
  }
}
