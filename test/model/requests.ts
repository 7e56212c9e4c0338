// What people and browsers do.

import * as fc from 'fast-check'

import { type Deployment, ISOLATES } from './deployment.ts'
import type { Answer, Rule, State, Tokens } from './model.ts'
import * as rules from './rules.ts'

/** A request that is about to be sent, and the rule for its answer. */
export type Action = {
  title: string
  isolate: number
  rule: Rule
  send: () => Promise<Answer>
}

/** What a story tells those who act in it. Clients are counted from the newest session. */
export type Known = Readonly<{
  real: Deployment
  state: State
  commands: number
  newPassword: string
  clientAt: (index: number) => Tokens[] | undefined
  adminAt: (index: number) => Tokens[] | undefined
  nameOf: (token: Tokens[keyof Tokens]) => string
}>

/** Returns what someone does next; undefined when it is not possible now, as without a session. */
export type Intent = (story: Known) => Action | undefined

export const anyIsolate = fc.constantFrom(...ISOLATES)
export const USERS = ['ada', 'bob', 'ruth']
export const anyUser = fc.constantFrom(...USERS)
export const FIRST_PASSWORD = 'the password of the import'
export const anyClient = fc.nat(4)
/** Which of the refresh tokens that the client has received. */
const anyAge = fc.constantFrom(
  'newest' as const,
  'newest' as const,
  'previous' as const,
  'oldest' as const,
)

export const json = (body: object, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'CF-Connecting-IP': '192.0.2.1', ...headers },
  body: JSON.stringify(body),
})
export const bearer = (token: { text: string }) => ({ Authorization: `Bearer ${token.text}` })

/** Returns the password that someone types: the right one, as far as the test knows, or another. */
const typed = (story: Known, username: string, isRight: boolean) =>
  (isRight && story.state.users[username]?.password) || 'not the password at all'

type Age = 'newest' | 'previous' | 'oldest'
const pick = (tokens: Tokens[], which: Age) =>
  tokens.at({ newest: -1, previous: -2, oldest: 0 }[which])?.refresh

/** Something that happens one time in `times`. */
export const rarely = <Value>(times: number, arbitrary: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

const anyRight = rarely(10, fc.constant(true)).map((isWrong) => !isWrong)

export const login = fc.record({ isolate: anyIsolate, username: anyUser, isRight: anyRight }).map(
  ({ isolate, ...who }): Intent =>
    (story) =>
      toLogin(story, isolate, who),
)

/** Logs in where an earlier session has left its refresh token, which may be an old one. */
export const loginWithCookie = fc
  .record({ isolate: anyIsolate, username: anyUser, client: anyClient, age: anyAge })
  .map(({ isolate, username, client, age }): Intent => (story) => {
    const cookie = pick(story.clientAt(client) ?? [], age)
    return cookie && toLogin(story, isolate, { username, isRight: true, cookie })
  })

type Login = { username: string; isRight: boolean; cookie?: Tokens['refresh'] }

export function toLogin(
  story: Known,
  isolate: number,
  { username, isRight, cookie }: Login,
): Action {
  const password = typed(story, username, isRight)
  const body = { username, password, cookie: cookie !== undefined }
  const headers = cookie && {
    Cookie: `__Host-latchkey_refresh=${cookie.text}`,
    'Sec-Fetch-Site': 'same-origin',
  }
  const shown = cookie ? ` with the cookie of ${story.nameOf(cookie)}` : ''
  return {
    title: `${username} logs in${isRight ? '' : ' with a wrong password'}${shown}`,
    isolate,
    rule: rules.login(username, password, cookie),
    send: () => story.real.send(isolate, '/login', json(body, headers)),
  }
}

export const signUp = fc
  .record({ isolate: anyIsolate, user: anyUser })
  .map(({ isolate, user }): Intent => (story) => ({
    title: `${user} signs up`,
    isolate,
    rule: rules.signUp(user, story.newPassword),
    send: () => {
      const address = { 'CF-Connecting-IP': `198.51.100.${story.commands}` }
      const body = { username: user, password: story.newPassword }
      return story.real.send(isolate, '/signup', json(body, address))
    },
  }))

export const refresh = fc
  .record({ isolate: anyIsolate, client: anyClient, age: anyAge })
  .map(({ isolate, client, age }): Intent => (story) => {
    const token = pick(story.clientAt(client) ?? [], age)
    return token && toRefresh(story, isolate, token)
  })

export const toRefresh = (story: Known, isolate: number, token: Tokens['refresh']): Action => ({
  title: `refresh with ${story.nameOf(token)}`,
  isolate,
  rule: rules.refresh(token),
  send: () => story.real.send(isolate, '/refresh', { method: 'POST', headers: bearer(token) }),
})

const toLogout = (...scopes: rules.Scope[]) =>
  fc
    .record({ isolate: anyIsolate, client: anyClient, scope: fc.constantFrom(...scopes) })
    .map(({ isolate, client, scope }): Intent => (story) => {
      const token = story.clientAt(client)?.at(-1)?.access
      if (!token) return undefined
      const init = { method: 'POST', headers: bearer(token) }
      return {
        title: `${story.nameOf(token)} logs out: ${scope}`,
        isolate,
        rule: rules.logout(token, scope),
        send: () => story.real.send(isolate, `/logout?scope=${scope}`, init),
      }
    })

export const logout = toLogout('session', 'others')
export const logoutOfAll = toLogout('all')

export const changePassword = fc
  .record({ isolate: anyIsolate, client: anyClient, isRight: anyRight })
  .map(({ isolate, client, isRight }): Intent => (story) => {
    const next = story.newPassword
    const token = story.clientAt(client)?.at(-1)?.access
    if (!token) return undefined
    const current = typed(story, token.claims.sub, isRight)
    const init = json({ current_password: current, new_password: next }, bearer(token))
    return {
      title: `${story.nameOf(token)} changes the password`,
      isolate,
      rule: rules.changePassword(token, { current, next }),
      send: () => story.real.send(isolate, '/me/password', { ...init, method: 'PUT' }),
    }
  })
