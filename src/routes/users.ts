// /users: all users, for an admin who has logged in lately.

import { Hono } from 'hono'

import { addUser, removeUser, requireUser, updateUser } from '../auth/users.ts'
import { readConfig } from '../config.ts'
import { listSessions } from '../db/sessions.ts'
import { listUsers, type User } from '../db/users.ts'
import type { AppEnv } from '../app-env.ts'
import { logEvent } from '../http/request-log.ts'
import { jwtRequired } from '../middleware/jwt.ts'
import { validateJson, validateQuery } from '../middleware/validate.ts'
import { PageQuery, UserBody, UserPatch, UsersQuery } from '../contract/requests.ts'

/** Seconds since the admin's log-in: a token that was left behind opens none of this. */
const FRESH = 900

/** A user as an admin is shown them: without the hash. */
const toEntry = ({ username, roles, createdAt, disabledAt }: User) => ({
  username,
  roles,
  created_at: createdAt,
  disabled_at: disabledAt,
})

const readNow = () => Math.floor(Date.now() / 1000)

export const users = new Hono<AppEnv>()
  .use(jwtRequired({ roles: ['admin'], fresh: FRESH }))
  .get('/', validateQuery(UsersQuery), async (c) => {
    const page = await listUsers(readConfig(c.env).DB, c.req.valid('query'))
    return c.json({ users: page.users.map(toEntry), next: page.next })
  })
  .post('/', validateJson(UserBody), async (c) => {
    const { sub: username, sid } = c.var.user
    const user = await addUser(readConfig(c.env), c.req.valid('json'), readNow())
    await logEvent(c, 'info', 'user.added', { username, sid, target: user.username })
    return c.json(toEntry(user), 201, { Location: `/users/${encodeURIComponent(user.username)}` })
  })
  .get('/:username', async (c) => {
    const name = c.req.param('username').normalize('NFC')
    return c.json(toEntry(await requireUser(readConfig(c.env), name)))
  })
  .patch('/:username', validateJson(UserPatch), async (c) => {
    const { sub: username, sid } = c.var.user
    const target = c.req.param('username').normalize('NFC')
    const patch = c.req.valid('json')
    const user = await updateUser(readConfig(c.env), target, patch, readNow())
    const reason = Object.keys(patch).join(', ')
    await logEvent(c, 'info', 'user.changed', { username, sid, target, reason })
    return c.json(toEntry(user))
  })
  .delete('/:username', async (c) => {
    const { sub: username, sid } = c.var.user
    const target = c.req.param('username').normalize('NFC')
    await removeUser(readConfig(c.env), target, readNow())
    await logEvent(c, 'info', 'user.removed', { username, sid, target })
    return c.json({ message: 'User removed' })
  })
  .get('/:username/sessions', validateQuery(PageQuery), async (c) => {
    const config = readConfig(c.env)
    const { id } = await requireUser(config, c.req.param('username').normalize('NFC'))
    const page = await listSessions(config.DB, { userId: id }, c.req.valid('query'), readNow())
    const { sid } = c.var.user
    return c.json({
      sessions: page.rows.map((row) => ({ ...row, current: row.id === sid })),
      next: page.next,
    })
  })
  .delete('/:username/sessions', async (c) => {
    const { sub: username, sid } = c.var.user
    const target = c.req.param('username').normalize('NFC')
    await updateUser(readConfig(c.env), target, {}, readNow())
    await logEvent(c, 'info', 'session.revoked', { username, sid, target, reason: 'by an admin' })
    return c.json({ message: 'Sessions ended' })
  })
