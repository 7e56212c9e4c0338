// The headers of every answer of the API.

import { createMiddleware } from 'hono/factory'

const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }

/**
 * Answers must not be stored (RFC 6749 5.1, ASVS 14.3.2) nor taken for another type than they state.
 * A route that says otherwise has its way.
 */
export const apiHeaders = createMiddleware(async (c, next) => {
  await next()
  for (const [name, value] of Object.entries(HEADERS))
    if (!c.res.headers.has(name)) c.header(name, value)
})
