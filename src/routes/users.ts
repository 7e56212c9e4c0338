// /users: all users, for an admin who has logged in recently.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { inviteUser } from '../auth/codes/codes.ts'
import { createUser, removeUser, requireUser, toUserResponse, updateUser } from '../auth/users.ts'
import { PageQuery, UserBody, UserPatch, UserPath, UsersQuery } from '../contract/requests.ts'
import type { NewUserResponse } from '../contract/responses.ts'
import { listSessions } from '../db/session-list.ts'
import { listUsers } from '../db/users.ts'
import { AppError } from '../errors.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateJson, validatePath, validateQuery } from '../middleware/validate.ts'

/** A token that was left behind is useless after 15 minutes. */
export const adminRequired = jwtRequired({ roles: ['admin'], fresh: 900 })

/** Admins need their current password to change their own (ASVS 6.2.3). */
export const useOwnPassword = (field: string) =>
  new AppError('input_invalid', { error: { [field]: ['Use PUT /me/password.'] } })

export const users = new Hono<AppEnv>()
  .use(adminRequired)
  .get('/', validateQuery(UsersQuery), async (c) => {
    const page = await listUsers(c.var.isolate.db, c.req.valid('query'))
    return c.json({ users: page.users.map(toUserResponse), next: page.next })
  })
  .post('/', validateJson(UserBody), async (c) => {
    const { isolate, now } = c.var
    const { sid: actor } = c.var.user
    const { username, password, roles } = c.req.valid('json')
    const location = { Location: `/users/${encodeURIComponent(username)}` }
    if (password !== undefined) {
      const user = await createUser(isolate, { username, password, roles, actor }, now)
      await logEvent(c, 'info', { event: 'user.added', target: username })
      return c.json<NewUserResponse, 201>(toUserResponse(user), 201, location)
    }
    const { user, ...code } = await inviteUser(isolate, { username, roles, actor }, now)
    await logEvent(c, 'info', { event: 'user.invited', target: username })
    return c.json<NewUserResponse, 201>({ ...toUserResponse(user), ...code }, 201, location)
  })
  .get('/:username', validatePath(UserPath), async (c) => {
    const { username } = c.req.valid('param')
    return c.json(toUserResponse(await requireUser(c.var.isolate, username)))
  })
  .patch('/:username', validatePath(UserPath), validateJson(UserPatch), async (c) => {
    const { isolate, now } = c.var
    const { username: target } = c.req.valid('param')
    const change = c.req.valid('json')
    if (target === c.var.user.sub && change.password !== undefined) throw useOwnPassword('password')
    const user = await updateUser(isolate, { username: target, actor: c.var.user.sid, change }, now)
    const { password, roles, disabled } = change
    if (password !== undefined) await logEvent(c, 'info', { event: 'password.set', target })
    if (roles) await logEvent(c, 'info', { event: 'roles.changed', target })
    if (disabled === true) await logEvent(c, 'info', { event: 'user.disabled', target })
    if (disabled === false) await logEvent(c, 'info', { event: 'user.enabled', target })
    return c.json(toUserResponse(user))
  })
  .delete('/:username', validatePath(UserPath), async (c) => {
    const { isolate, now } = c.var
    const { username: target } = c.req.valid('param')
    await removeUser(isolate, { username: target, actor: c.var.user.sid }, now)
    await logEvent(c, 'info', { event: 'user.removed', target })
    return c.json({ message: 'User removed' })
  })
  .get('/:username/sessions', validatePath(UserPath), validateQuery(PageQuery), async (c) => {
    const { isolate, now } = c.var
    const { id: userId } = await requireUser(isolate, c.req.valid('param').username)
    const owner = { userId, sid: c.var.user.sid }
    return c.json(await listSessions(isolate.db, { ...owner, ...c.req.valid('query') }, now))
  })
  .delete('/:username/sessions', validatePath(UserPath), async (c) => {
    const { isolate, now } = c.var
    const { username: target } = c.req.valid('param')
    await updateUser(isolate, { username: target, actor: c.var.user.sid, change: {} }, now)
    await logEvent(c, 'info', { event: 'session.revoked', target, reason: 'by an admin' })
    return c.json({ message: 'Sessions ended' })
  })
