// The headers of every answer of the API.

import { createMiddleware } from 'hono/factory'

const HEADERS = Object.entries({
  'Cache-Control': 'no-store', // RFC 6749 5.1, ASVS 14.3.2
  'X-Content-Type-Options': 'nosniff',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains', // a year: ASVS 3.4.1
  'Content-Security-Policy':
    "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
})

/**
 * JSON is no page: it loads nothing, stands in no frame and is stored nowhere. A route may say
 * otherwise, if it says so of `Cache-Control` too: that alone is looked up in every answer.
 */
export const apiHeaders = createMiddleware(async (c, next) => {
  await next()
  try {
    fill(c.res.headers)
  } catch {
    // A TypeError: the headers of an answer that was fetched cannot be changed.
    c.res = new Response(c.res.body, c.res)
    fill(c.res.headers)
  }
})

// Not through c.header(), which makes the whole answer anew for each: half the time of a request.
function fill(headers: Headers): void {
  const own = headers.has('Cache-Control')
  for (const [name, value] of HEADERS) if (!own || !headers.has(name)) headers.set(name, value)
}
