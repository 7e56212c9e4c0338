// A second Worker with the guard of an earlier version, as `npm run guard` wrote it then.

import { Hono } from 'hono'

import { authenticate } from '../guard-0.1.0/authenticate.js'
import { jwtRequired } from '../guard-0.1.0/guard.js'

const app = new Hono<{ Bindings: { LATCHKEY: Fetcher }; Variables: { user: { sub: string } } }>()
  .get('/reports', jwtRequired(), (c) => c.json({ for: c.var.user.sub }))
  .get('/auditors', jwtRequired({ roles: ['auditor'] }), (c) => c.json({ for: c.var.user.sub }))
  .get('/fresh', jwtRequired({ fresh: 60 }), (c) => c.json({ for: c.var.user.sub }))
  .get('/plain', async (c) => {
    const { user, response } = await authenticate(c.req.raw, c.env)
    return response ?? c.json({ for: user?.sub ?? '' })
  })

export default app
