// Another Worker with Hono and the guard that `npm run guard` writes, without security headers.

import { Hono } from 'hono'

import { jwtRequired } from '../../../src/client/guard/guard.ts'

const app = new Hono()
  .use('/protected', jwtRequired())
  .get('/protected', (c) =>
    c.json({ message: 'This is a protected route, and you are authenticated!' }),
  )

export default app
