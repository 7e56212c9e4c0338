// Every route, as it is described: what it takes, and what it answers.

import * as z from 'zod/mini'

import * as answers from './responses.ts'
import {
  LoginBody,
  LogoutQuery,
  PageQuery,
  PasswordBody,
  UserBody,
  UserPatch,
  UsersQuery,
} from './requests.ts'

export type Schema = z.ZodMiniType
export type Operation = {
  summary: string
  /** By what a token may be shown; none for a public route. */
  by?: ('bearer' | 'cookie')[]
  body?: Schema
  query?: z.ZodMiniObject
  answers: Record<number, Schema>
  /** What may be sent, and the answer to it. */
  example: { body?: object; answer: object }
}

const { Failure, Refusal } = answers
/** A Worker on plain HTTP, with a bug, or without its database. */
const ANY = { 403: Failure, 500: Failure, 503: Failure }
const GUARDED = { ...ANY, 401: Refusal }
/** Of a role: 403 is also the guard's. */
const ADMINS = { ...GUARDED, 403: z.union([Failure, Refusal]) }
const BODY = { 400: Failure, 413: Failure, 415: Failure, 429: Failure }

const TOKENS = {
  access_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl',
  token_type: 'Bearer',
  expires_in: 900,
  refresh_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.cmVmcmVzaA',
  refresh_expires_in: 604_800,
}

const ADA = { username: 'ada', roles: ['editor'], created_at: 1_800_000_000, disabled_at: null }

const SESSIONS = {
  sessions: [
    {
      id: 'q83vEjRWeJCrze8SNFZ4kA',
      created_at: 1_800_000_000,
      refreshed_at: 1_800_000_600,
      expires_at: 1_800_605_400,
      user_agent: 'Firefox',
      country: 'NL',
      current: true,
    },
  ],
  next: null,
}

/** A new route is described here. */
export const OPERATIONS: Record<string, Operation> = {
  'POST /login': {
    example: { body: { username: 'cosmo', password: 'space-corgi' }, answer: TOKENS },
    summary: 'A username and a password for tokens',
    body: LoginBody,
    answers: { ...ANY, ...BODY, 200: answers.Tokens, 401: Failure },
  },
  'POST /signup': {
    example: { body: { username: 'ada', password: 'the analytical engine' }, answer: TOKENS },
    summary: 'Adds a user and logs them in, where SIGNUP is open; else 404',
    body: LoginBody,
    answers: { ...ANY, ...BODY, 201: answers.Tokens, 404: Failure, 409: Failure },
  },
  'POST /refresh': {
    example: { answer: TOKENS },
    summary: 'A refresh token for new tokens',
    by: ['bearer', 'cookie'],
    answers: { ...GUARDED, 200: answers.Tokens, 403: z.union([Failure, Refusal]) },
  },
  'POST /logout': {
    example: { answer: { message: 'Logged out' } },
    summary: "Ends this session, the user's others, or all",
    by: ['bearer', 'cookie'],
    query: LogoutQuery,
    answers: {
      ...GUARDED,
      200: answers.Message,
      400: Failure,
      403: z.union([Failure, Refusal]),
    },
  },
  'GET /sessions': {
    example: { answer: SESSIONS },
    summary: "The user's live sessions, newest first",
    by: ['bearer'],
    query: PageQuery,
    answers: { ...GUARDED, 200: answers.SessionList, 400: Failure },
  },
  'DELETE /sessions/{id}': {
    example: { answer: { message: 'Session ended' } },
    summary: "Ends one of the user's sessions",
    by: ['bearer'],
    answers: { ...GUARDED, 200: answers.Message, 404: Failure },
  },
  'GET /me': {
    example: { answer: { username: 'cosmo', roles: [], auth_time: 1_800_000_000 } },
    summary: 'Whom the token is for',
    by: ['bearer'],
    answers: { ...GUARDED, 200: answers.Me },
  },
  'PUT /me/password': {
    example: {
      body: { current_password: 'space-corgi', new_password: 'a dog in a rocket, barking' },
      answer: { message: 'Password changed' },
    },
    summary: 'Changes the password, and ends the other sessions',
    by: ['bearer'],
    body: PasswordBody,
    answers: { ...GUARDED, ...BODY, 200: answers.Message },
  },
  'GET /users': {
    example: { answer: { users: [ADA], next: null } },
    summary: 'All users by name, or those whose names begin with `prefix`; for admins',
    by: ['bearer'],
    query: UsersQuery,
    answers: { ...ADMINS, 200: answers.UserList, 400: Failure },
  },
  'POST /users': {
    example: {
      body: { username: 'ada', password: 'the analytical engine', roles: ['editor'] },
      answer: ADA,
    },
    summary: 'Adds a user; for admins',
    by: ['bearer'],
    body: UserBody,
    answers: { ...ADMINS, ...BODY, 201: answers.User, 409: Failure },
  },
  'GET /users/{username}': {
    example: { answer: ADA },
    summary: 'A user; for admins',
    by: ['bearer'],
    answers: { ...ADMINS, 200: answers.User, 404: Failure },
  },
  'PATCH /users/{username}': {
    example: { body: { roles: ['editor'] }, answer: ADA },
    summary:
      "Changes a user's roles or password, disables or enables them, and ends their sessions; for admins",
    by: ['bearer'],
    body: UserPatch,
    answers: { ...ADMINS, ...BODY, 200: answers.User, 404: Failure, 409: Failure },
  },
  'DELETE /users/{username}': {
    example: { answer: { message: 'User removed' } },
    summary: 'Removes a user, and ends their sessions; for admins',
    by: ['bearer'],
    answers: { ...ADMINS, 200: answers.Message, 404: Failure, 409: Failure },
  },
  'GET /users/{username}/sessions': {
    example: { answer: SESSIONS },
    summary: "A user's live sessions, newest first; for admins",
    by: ['bearer'],
    query: PageQuery,
    answers: { ...ADMINS, 200: answers.SessionList, 400: Failure, 404: Failure },
  },
  'DELETE /users/{username}/sessions': {
    example: { answer: { message: 'Sessions ended' } },
    summary: 'Logs a user out everywhere; for admins',
    by: ['bearer'],
    answers: { ...ADMINS, 200: answers.Message, 404: Failure },
  },
  'GET /protected': {
    example: { answer: { message: 'This is a protected route, and you are authenticated!' } },
    summary: "The lesson's guarded endpoint",
    by: ['bearer'],
    answers: { ...GUARDED, 200: answers.Message },
  },
  'GET /secure-data': {
    example: { answer: { message: 'This is secure data, and you are authenticated!' } },
    summary: "The lesson's other guarded endpoint",
    by: ['bearer'],
    answers: { ...GUARDED, 200: answers.Message },
  },
  'GET /.well-known/jwks.json': {
    example: { answer: { keys: [] } },
    summary: 'The public keys, for services that verify tokens themselves',
    answers: { ...ANY, 200: answers.KeySet },
  },
  'GET /health': {
    example: { answer: { status: 'ok' } },
    summary: 'Alive',
    answers: { ...ANY, 200: answers.Status },
  },
  'GET /ready': {
    example: { answer: { status: 'ready' } },
    summary: 'Settings, keys and database are right',
    answers: { ...ANY, 200: answers.Status },
  },
}
