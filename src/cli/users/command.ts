// What a command of `npm run users` is.

import type { Isolate } from '../../isolate.ts'
import type { Target } from '../cloudflare/isolate.ts'

export type Options = Target & {
  invite: boolean
  yes: boolean
  everyone: boolean
  remove: boolean
  roles: string[]
  limit: number
  after: string
}
export type Output = { text: string; json: unknown }
export type Run<Result> = (isolate: Isolate, name: string, options: Options) => Promise<Result>

/** The time by the operator's clock, in Unix seconds. */
export const now = () => Math.floor(Date.now() / 1000)

/** Options that only some commands accept. */
export const OWN_OPTIONS = ['role', 'invite', 'remove', 'everyone', 'limit', 'after'] as const

export type Command = {
  /** What follows the command; `prefix` is the beginning of names, or nothing. */
  argument: 'name' | 'name or nothing' | 'name or everyone' | 'prefix'
  /** Options in addition to those that every command accepts. */
  accepts?: (typeof OWN_OPTIONS)[number][]
  run: Run<Output>
}
