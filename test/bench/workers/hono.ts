// Hono without auth: the endpoint that is to be guarded, as it is without a guard.

import { Hono } from 'hono'

const app = new Hono().get('/protected', (c) =>
  c.json({ message: 'This is a protected route, and you are authenticated!' }),
)

export default app
