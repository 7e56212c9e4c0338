// Hono without authentication, with the headers of every Latchkey response.

import { Hono } from 'hono'

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'Content-Security-Policy':
    "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

const app = new Hono().get('/protected', (c) =>
  c.json({ message: 'This is a protected route, and you are authenticated!' }, 200, HEADERS),
)

export default app
