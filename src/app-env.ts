// The types that every route and middleware shares.

import type { Isolate } from './isolate.ts'

/** `c.env` and `c.var`. */
export type AppEnv = {
  Bindings: Env
  Variables: {
    isolate: Isolate
    /** When the request arrived, in Unix seconds and in milliseconds. */
    now: number
    nowMs: number
    /** Where the guard found the token, on routes that also accept the cookie. */
    tokenSource?: 'header' | 'cookie'
  }
}
