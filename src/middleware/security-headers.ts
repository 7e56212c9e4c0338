// The security headers of every response.

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
const JSON_INIT = { headers: new Headers([...HEADERS, ['Content-Type', 'application/json']]) }

const VARIES_BY_ORIGIN = /(^|,)\s*(origin|\*)\s*(,|$)/i

/**
 * Forbids JSON to load anything, to be framed and to be stored. A route that sets its own
 * `Cache-Control` keeps all headers it has set, and varies by origin; only that one is looked up in other responses.
 */
export const securityHeaders = createMiddleware(async (c, next) => {
  const { json, header, status } = c
  let isPlain = true
  let complete: Response | undefined
  // Given to a response when it is created, all headers cost what one of them costs that is set afterwards.
  Object.assign(c, {
    header(...args: Parameters<typeof header>) {
      isPlain = false
      header(...args)
    },
    status(...args: Parameters<typeof status>) {
      isPlain = false
      status(...args)
    },
    json(...args: Parameters<typeof json>) {
      if (!isPlain || args.length > 1 || c.finalized) return json(...args)
      complete = new Response(JSON.stringify(args[0]), JSON_INIT)
      return complete
    },
  })
  await next()
  if (c.res === complete) return
  try {
    setMissing(c.res.headers)
  } catch {
    // A TypeError: the headers of a fetched response are immutable.
    c.res = new Response(c.res.body, c.res)
    setMissing(c.res.headers)
  }
})

// Not through c.header(), which copies the whole response each time: half the time of a request.
function setMissing(headers: Headers): void {
  const own = headers.has('Cache-Control')
  // A cached response must not reach another origin without its CORS headers (Fetch, "CORS protocol and HTTP caches").
  if (own && !VARIES_BY_ORIGIN.test(headers.get('Vary') ?? '')) headers.append('Vary', 'Origin')
  for (const [name, value] of HEADERS) if (!own || !headers.has(name)) headers.set(name, value)
}
