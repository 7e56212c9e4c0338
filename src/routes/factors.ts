// /me/factors and /me/recovery-codes: the user's second factor; DELETE /users/:username/factors, for admins.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { enrolFactor, removeFactor, replaceCodes, verifyFactor } from '../auth/factors/factors.ts'
import { updateUser } from '../auth/users.ts'
import { FactorBody, OtpBody, UserPath } from '../contract/requests.ts'
import type { FactorListResponse, NewFactorResponse } from '../contract/responses.ts'
import { countCodes, findOwner, listFactors } from '../db/factors.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { sessionRateLimit } from '../middleware/rate-limit.ts'
import { validateJson, validatePath } from '../middleware/validate.ts'
import { adminRequired } from './users.ts'

/** Users without a factor may see that, and enrol one. Of all others the database requires that they have shown it. */
const ownerRequired = jwtRequired({ fresh: 900, acr: 'aal1' })
const factorRequired = jwtRequired({ fresh: 900, acr: 'aal2' })

export const factors = new Hono<AppEnv>()
  .get('/me/factors', jwtRequired({ acr: 'aal1' }), async (c) => {
    const { isolate, now, user } = c.var
    const list = await listFactors(isolate.db, await findOwner(isolate.db, user.sid, now))
    const entries = list.map(({ id, friendly_name, status, created_at }) => {
      return { id, type: 'totp', friendly_name, status, created_at } as const
    })
    return c.json({ factors: entries } satisfies FactorListResponse)
  })
  .post('/me/factors', ownerRequired, sessionRateLimit, validateJson(FactorBody), async (c) => {
    const { isolate, now, user } = c.var
    const { factor_type: type, friendly_name } = c.req.valid('json')
    const enrolment = { sid: user.sid, username: user.sub, name: friendly_name }
    const factor = await enrolFactor(isolate, enrolment, now)
    return c.json({ ...factor, type, friendly_name } satisfies NewFactorResponse, 201)
  })
  .post(
    '/me/factors/:id/verify',
    ownerRequired,
    sessionRateLimit,
    validateJson(OtpBody),
    async (c) => {
      const { isolate, now, user } = c.var
      const shown = { sid: user.sid, id: c.req.param('id'), ...c.req.valid('json') }
      const recovery_codes = await verifyFactor(isolate, shown, now)
      await logEvent(c, 'info', { event: 'factor.added' })
      return c.json({ recovery_codes })
    },
  )
  .delete('/me/factors/:id', factorRequired, sessionRateLimit, async (c) => {
    const { isolate, now, user } = c.var
    await removeFactor(isolate, { sid: user.sid, id: c.req.param('id') }, now)
    await logEvent(c, 'info', { event: 'factor.removed' })
    return c.json({ message: 'Factor removed' })
  })
  .get('/me/recovery-codes', jwtRequired({ acr: 'aal2' }), async (c) => {
    const { isolate, now, user } = c.var
    return c.json(await countCodes(isolate.db, await findOwner(isolate.db, user.sid, now)))
  })
  .post('/me/recovery-codes', factorRequired, sessionRateLimit, async (c) => {
    const codes = await replaceCodes(c.var.isolate, c.var.user.sid, c.var.now)
    await logEvent(c, 'info', { event: 'recovery_codes.created' })
    return c.json({ codes }, 201)
  })
  .delete('/users/:username/factors', adminRequired, validatePath(UserPath), async (c) => {
    const { isolate, now, user } = c.var
    const { username: target } = c.req.valid('param')
    const change = { actor: user.sid, change: { removeFactors: true } }
    await updateUser(isolate, { username: target, ...change }, now)
    await logEvent(c, 'info', { event: 'factor.removed', target })
    return c.json({ message: 'Factors removed' })
  })
