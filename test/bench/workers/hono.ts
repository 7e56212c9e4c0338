// Hono without authentication: the guarded endpoint without its guard.

import { Hono } from 'hono'

const app = new Hono().get('/protected', (c) =>
  c.json({ message: 'This is a protected route, and you are authenticated!' }),
)

export default app
