// Plain HTTP: refused and not redirected, so that who sends a password in the clear notices (ASVS 4.1.2).

import { createMiddleware } from 'hono/factory'

import { AppError } from '../errors.ts'

const LOCAL = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\//

/** Throws `https_required`, but for `npm run dev` on this machine. */
export const httpsRequired = createMiddleware((c, next) => {
  if (c.req.url.startsWith('http:') && !LOCAL.test(c.req.url))
    throw new AppError('https_required', 'plain HTTP')
  return next()
})
