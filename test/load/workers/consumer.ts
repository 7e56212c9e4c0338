// A second Worker behind Latchkey, with Hono and without. It has a service binding, and neither a key nor a database.

import { Hono } from 'hono'

import { authenticate } from '../../../src/client/guard/authenticate.ts'
import { jwtRequired } from '../../../src/client/guard/guard.ts'
import { setClock } from './clock.ts'

type Bindings = { LATCHKEY: Fetcher }

const app = new Hono<{ Bindings: Bindings }>()
  .get('/public', jwtRequired({ optional: true }), (c) =>
    c.json({ for: c.var.user?.sub ?? 'anyone' }),
  )
  .get('/auditors', jwtRequired({ roles: ['auditor'] }), (c) => c.json({ for: c.var.user.sub }))
  .get('/fresh', jwtRequired({ fresh: 60 }), (c) => c.json({ for: c.var.user.sub }))
  .use('/reports/*', jwtRequired())
  .get('/reports', (c) => c.json({ for: c.var.user.sub }))
  .get('/change', jwtRequired(), (c) => c.json(Object.assign(c.var.user, { sub: 'ada' })))
  // What a Worker that has been taken over could try: any method of the entrypoint, and requests to it.
  .get('/try/:method', async (c) => {
    const guard = c.env.LATCHKEY as unknown as Record<string, (url: string) => Promise<unknown>>
    const result = await guard[c.req.param('method')]?.('https://latchkey/protected')
    return c.json({ type: typeof result })
  })
  .post('/clock', async (c) => {
    setClock(Number(await c.req.text()))
    return c.body(null)
  })

export default {
  async fetch(request: Request, env: Bindings, context: ExecutionContext) {
    if (new URL(request.url).pathname !== '/plain') return app.fetch(request, env, context)
    const { user, response } = await authenticate(request, env)
    return response ?? Response.json({ for: user.sub })
  },
}
