// /me/factors and /me/recovery-codes: the second factor of the user; DELETE /users/:username/factors, for admins.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import * as factor from '../auth/factors/factors.ts'
import { updateUser } from '../auth/users.ts'
import { FactorBody, OtpBody, UserPath } from '../contract/requests.ts'
import type { FactorListResponse, NewFactorResponse } from '../contract/responses.ts'
import { countCodes, listFactors } from '../db/factors.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateJson, validatePath } from '../middleware/validate.ts'
import { FRESH_ADMIN } from './users.ts'

/** Without a factor, aal1 is enough to enrol one; with a factor, the database requires aal2. */
const OWN = { acr: 'aal1' } as const
const FRESH = { fresh: 900, acr: 'aal1' } as const

export const factors = new Hono<AppEnv>()
  .get('/me/factors', jwtRequired(OWN), async (c) => {
    const { isolate, now, user } = c.var
    const list = await listFactors(isolate.db, await factor.requireOwner(isolate, user.sid, now))
    const type = 'totp' as const
    return c.json({
      factors: list.map(({ id, friendlyName: friendly_name, status, createdAt: created_at }) => ({
        id,
        type,
        friendly_name,
        status,
        created_at,
      })),
    } satisfies FactorListResponse)
  })
  .post('/me/factors', jwtRequired(FRESH), validateJson(FactorBody), async (c) => {
    const { isolate, now, user } = c.var
    const { factor_type: type, friendly_name } = c.req.valid('json')
    const enrolment = { sid: user.sid, username: user.sub, friendlyName: friendly_name }
    const { id, ...totp } = await factor.enrolFactor(isolate, enrolment, now)
    return c.json({ id, type, friendly_name, totp } satisfies NewFactorResponse, 201)
  })
  .post('/me/factors/:id/verify', jwtRequired(FRESH), validateJson(OtpBody), async (c) => {
    const { isolate, now, user } = c.var
    const enrolment = { sid: user.sid, id: c.req.param('id'), otp: c.req.valid('json').otp }
    const codes = await factor.verifyFactor(isolate, enrolment, now)
    await logEvent(c, 'info', { event: 'factor.added' })
    return c.json({ recovery_codes: codes })
  })
  .delete('/me/factors/:id', jwtRequired(FRESH), async (c) => {
    const { isolate, now, user } = c.var
    await factor.removeFactor(isolate, { sid: user.sid, id: c.req.param('id') }, now)
    await logEvent(c, 'info', { event: 'factor.removed' })
    return c.json({ message: 'Factor removed' })
  })
  .get('/me/recovery-codes', jwtRequired({ acr: 'aal2' }), async (c) => {
    const { isolate, now, user } = c.var
    return c.json(await countCodes(isolate.db, await factor.requireOwner(isolate, user.sid, now)))
  })
  .post('/me/recovery-codes', jwtRequired({ fresh: 900, acr: 'aal2' }), async (c) => {
    const { isolate, now, user } = c.var
    const codes = await factor.replaceCodes(isolate, user.sid, now)
    await logEvent(c, 'info', { event: 'recovery_codes.created' })
    return c.json({ codes }, 201)
  })
  .delete(
    '/users/:username/factors',
    jwtRequired(FRESH_ADMIN),
    validatePath(UserPath),
    async (c) => {
      const { isolate, now, user } = c.var
      const { username: target } = c.req.valid('param')
      const change = { keepLastAdmin: true, actor: user.sid, change: { removeFactors: true } }
      await updateUser(isolate, { username: target, ...change }, now)
      await logEvent(c, 'info', { event: 'factor.removed', target, reason: 'by an admin' })
      return c.json({ message: 'Factors removed' })
    },
  )
