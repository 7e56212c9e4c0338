import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'

import { readSettings } from '../src/config.ts'

const { DB, LOGIN_LIMITER, REFRESH_LIMITER } = env
const read = (vars: object) =>
  readSettings({ DB, LOGIN_LIMITER, REFRESH_LIMITER, ...vars } as unknown as Env)

it('a Worker without [vars] runs with the defaults', () => {
  expect(read({})).toMatchObject({ JWT_ISSUER: 'latchkey', SESSION_IDLE_SECONDS: 604_800 })
})

it.each([
  [{ MAX_SESSIONS: 20 }, 'MAX_SESSIONS must be a string, in quotes, not 20'],
  [{ JWT_AUDIENCE: ['a'] }, 'JWT_AUDIENCE must be a string, in quotes, not ["a"]'],
  [{ JWT_ISSUER: {} }, 'JWT_ISSUER must be a string, in quotes, not {}'],
  [{ CORS_ORIGINS: true }, 'CORS_ORIGINS must be a string, in quotes, not true'],
  [{ ACCESS_TOKEN_SECONDS: '15m' }, 'ACCESS_TOKEN_SECONDS must be a whole number, not "15m"'],
  [{ PASSWORD_MIN_LENGTH: '4' }, 'PASSWORD_MIN_LENGTH must be 8 or more, not "4"'],
  [{ SIGNUP: 'yes' }, 'SIGNUP must be closed or open, not "yes"'],
  [{ JWT_ISSUER: '' }, 'JWT_ISSUER must not be empty, not ""'],
])('a wrong setting is named with its value and what it may be: %j', (vars, message) => {
  expect(() => read(vars)).toThrow(message)
})

it('no value of a secret is shown', () => {
  expect(() => read({ JWT_SECRET: 424_242 })).toThrow(/^JWT_SECRET (?!.*424242)/)
})
