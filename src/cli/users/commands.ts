// The commands of `npm run users`, each with output for people and for scripts.

import { createResetCode, inviteUser } from '../../auth/codes/codes.ts'
import { createUser, removeUser, requireUser, updateUser } from '../../auth/users.ts'
import { markEveryoneRevoked } from '../../db/everyone.ts'
import { toCodeOutput } from './code-link.ts'
import { type Command, now, type Run } from './command.ts'
import { removeFactors, showFactors } from './factors.ts'
import { LISTS } from './lists.ts'
import {
  confirmLogoutOfEveryone,
  confirmRemoval,
  confirmRemovalOfFactors,
  confirmRoles,
} from './losses.ts'
import { askForPassword, requireFreeName } from './new-user.ts'

/** Returns a command that reports `done` for the user. */
const changing = (done: string, change: Run<unknown>): Command => ({
  argument: 'name',
  async run(isolate, name, options) {
    await change(isolate, name, options)
    return { text: `${name}: ${done}`, json: { ok: true, username: name } }
  },
})

type Change = Parameters<typeof updateUser>[1]['change']

/** Returns a command that updates the user and revokes their sessions. It may demote the last admin: `add` creates another. */
const updating = (done: string, toChange: Run<Change>) =>
  changing(done, async (isolate, username, options) => {
    const change = await toChange(isolate, username, options)
    return updateUser(isolate, { username, change }, now())
  })

const revokeSessions = updating('sessions revoked', async () => ({}))

export const COMMANDS: Record<string, Command> = {
  add: {
    argument: 'name',
    accepts: ['role', 'invite'],
    async run(isolate, username, options) {
      const { roles } = options
      if (options.invite)
        return toCodeOutput(await inviteUser(isolate, { username, roles }, now()), {
          done: `${username}: invited`,
          publicUrl: isolate.settings.PUBLIC_URL,
          options,
        })
      await requireFreeName(isolate, username)
      const password = await askForPassword(isolate, username)
      await createUser(isolate, { username, roles, password }, now())
      return { text: `${username}: created`, json: { ok: true, username } }
    },
  },
  reset: {
    argument: 'name',
    async run(isolate, username, options) {
      return toCodeOutput(await createResetCode(isolate, { username }, now()), {
        done: `${username}: may choose a new password`,
        publicUrl: isolate.settings.PUBLIC_URL,
        options,
      })
    },
  },
  ...LISTS,
  factors: {
    argument: 'name',
    accepts: ['remove'],
    async run(isolate, name, options) {
      if (!options.remove) return showFactors(isolate, name)
      await confirmRemovalOfFactors(isolate, name, options)
      return removeFactors(isolate, name, now())
    },
  },
  logout: {
    argument: 'name or everyone',
    accepts: ['everyone'],
    async run(isolate, name, options) {
      if (!options.everyone) return revokeSessions.run(isolate, name, options)
      await confirmLogoutOfEveryone(isolate, options)
      const sessions = await markEveryoneRevoked(isolate.db)
      return {
        text: `everyone: ${sessions} ${sessions === 1 ? 'session' : 'sessions'} revoked`,
        json: { ok: true, sessions },
      }
    },
  },
  passwd: updating('password changed, sessions revoked', async (isolate, username) => {
    await requireUser(isolate, username)
    return { password: await askForPassword(isolate, username) }
  }),
  roles: {
    ...updating('roles set, sessions revoked', async (isolate, username, options) => {
      const { roles } = options
      await confirmRoles(isolate, { username, roles }, options)
      return { roles }
    }),
    accepts: ['role'],
  },
  disable: updating('disabled, sessions revoked', async () => ({ disabled: true })),
  enable: updating('enabled', async () => ({ disabled: false })),
  remove: changing('removed, sessions revoked', async (isolate, username, options) => {
    await confirmRemoval(isolate, username, options)
    return removeUser(isolate, { username }, now())
  }),
}
