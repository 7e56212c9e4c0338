// Plain HTTP is refused, not redirected, so that a client that sends passwords in the clear notices (ASVS 4.1.2).

import { createMiddleware } from 'hono/factory'

import { AppError } from '../errors.ts'

const LOCAL = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\//

/** Throws `https_required`, except for `npm run dev` on this machine. */
export const httpsRequired = createMiddleware((c, next) => {
  if (c.req.url.startsWith('http:') && !LOCAL.test(c.req.url)) throw new AppError('https_required')
  return next()
})
