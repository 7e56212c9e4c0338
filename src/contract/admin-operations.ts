// The description of what admins do: all users, and what happened to them.

import { ADA, EVENTS, SESSIONS } from './examples.ts'
import { ADMIN, BODY, type Operation } from './operation.ts'
import { EventsQuery, PageQuery, UserBody, UserPatch, UsersQuery } from './requests.ts'
import * as responses from './responses.ts'

const { ErrorBody, Message } = responses

export const ADMIN_OPERATIONS: Record<string, Operation> = {
  'GET /events': {
    example: { response: EVENTS },
    summary: 'Lists what has happened to all accounts, or to one, newest first; for admins',
    security: ['bearer'],
    query: EventsQuery,
    responses: { ...ADMIN, 200: responses.EventsResponse, 400: ErrorBody },
  },
  'GET /users': {
    example: { response: { users: [ADA], next: null } },
    summary: 'Lists users by name, or those whose names begin with `prefix`; for admins',
    security: ['bearer'],
    query: UsersQuery,
    responses: { ...ADMIN, 200: responses.UserListResponse, 400: ErrorBody },
  },
  'POST /users': {
    example: {
      body: { username: 'ada', password: 'the analytical engine', roles: ['editor'] },
      response: ADA,
    },
    summary: 'Creates a user, without a password with a code to choose one; for admins',
    security: ['bearer'],
    body: UserBody,
    responses: { ...ADMIN, ...BODY, 201: responses.NewUserResponse, 409: ErrorBody },
  },
  'POST /users/{username}/reset-code': {
    example: { response: { code: '7k2q-9m4x-0c8t-rwde-5bvn-3gh1zp', expires_at: 1_800_086_400 } },
    summary: 'Creates a code with which the user chooses a new password; for admins',
    security: ['bearer'],
    responses: { ...ADMIN, 201: responses.CodeResponse, 400: ErrorBody, 404: ErrorBody },
  },
  'GET /users/{username}': {
    example: { response: ADA },
    summary: 'Returns a user; for admins',
    security: ['bearer'],
    responses: { ...ADMIN, 200: responses.UserResponse, 400: ErrorBody, 404: ErrorBody },
  },
  'PATCH /users/{username}': {
    example: { body: { roles: ['editor'] }, response: ADA },
    summary:
      "Changes a user's roles or password, disables or enables them, and revokes their sessions; for admins",
    security: ['bearer'],
    body: UserPatch,
    responses: { ...ADMIN, ...BODY, 200: responses.UserResponse, 404: ErrorBody, 409: ErrorBody },
  },
  'DELETE /users/{username}': {
    example: { response: { message: 'User removed' } },
    summary: 'Removes a user and revokes their sessions; for admins',
    security: ['bearer'],
    responses: { ...ADMIN, 200: Message, 400: ErrorBody, 404: ErrorBody, 409: ErrorBody },
  },
  'GET /users/{username}/sessions': {
    example: { response: SESSIONS },
    summary: "Lists a user's live sessions, newest first; for admins",
    security: ['bearer'],
    query: PageQuery,
    responses: { ...ADMIN, 200: responses.SessionListResponse, 400: ErrorBody, 404: ErrorBody },
  },
  'DELETE /users/{username}/sessions': {
    example: { response: { message: 'Sessions ended' } },
    summary: 'Revokes all sessions of a user; for admins',
    security: ['bearer'],
    responses: { ...ADMIN, 200: Message, 400: ErrorBody, 404: ErrorBody },
  },
  'DELETE /users/{username}/factors': {
    example: { response: { message: 'Factors removed' } },
    summary: "Removes a user's second factors and revokes their sessions; for admins",
    security: ['bearer'],
    responses: { ...ADMIN, 200: Message, 400: ErrorBody, 404: ErrorBody },
  },
}
