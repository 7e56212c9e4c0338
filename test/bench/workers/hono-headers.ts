// Hono without authentication, with the headers of every Latchkey response, set in the same way.

import { Hono } from 'hono'

import { securityHeaders } from '../../../src/middleware/security-headers.ts'

const app = new Hono()
  .use(securityHeaders)
  .get('/protected', (c) =>
    c.json({ message: 'This is a protected route, and you are authenticated!' }),
  )

export default app
