// The API, described (OpenAPI 3.1): made of the schemas that validate, written to a file by `npm run openapi`.

import * as z from 'zod/mini'

import * as answers from './answers.ts'
import { LoginBody, LogoutQuery, PageQuery, PasswordBody } from './schemas.ts'

type Schema = z.ZodMiniType
type Operation = {
  summary: string
  /** By what a token may be shown; none for a public route. */
  by?: ('bearer' | 'cookie')[]
  body?: Schema
  query?: z.ZodMiniObject
  answers: Record<number, Schema>
}

const { Failure, Refusal } = answers
/** A Worker on plain HTTP, with a bug, or without its database. */
const ANY = { 403: Failure, 500: Failure, 503: Failure }
const GUARDED = { ...ANY, 401: Refusal }
const BODY = { 400: Failure, 413: Failure, 415: Failure, 429: Failure }

/** Every route: a new one is described here. */
export const OPERATIONS: Record<string, Operation> = {
  'POST /login': {
    summary: 'A username and a password for tokens',
    body: LoginBody,
    answers: { ...ANY, ...BODY, 200: answers.Tokens, 401: Failure },
  },
  'POST /refresh': {
    summary: 'A refresh token for new tokens',
    by: ['bearer', 'cookie'],
    answers: { ...GUARDED, 200: answers.Tokens, 403: z.union([Failure, Refusal]) },
  },
  'POST /logout': {
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
    summary: "The user's live sessions, newest first",
    by: ['bearer'],
    query: PageQuery,
    answers: { ...GUARDED, 200: answers.SessionList, 400: Failure },
  },
  'DELETE /sessions/{id}': {
    summary: "Ends one of the user's sessions",
    by: ['bearer'],
    answers: { ...GUARDED, 200: answers.Message, 404: Failure },
  },
  'GET /me': {
    summary: 'Whom the token is for',
    by: ['bearer'],
    answers: { ...GUARDED, 200: answers.Me },
  },
  'PUT /me/password': {
    summary: 'Changes the password, and ends the other sessions',
    by: ['bearer'],
    body: PasswordBody,
    answers: { ...GUARDED, ...BODY, 200: answers.Message },
  },
  'GET /protected': {
    summary: "The lesson's guarded endpoint",
    by: ['bearer'],
    answers: { ...GUARDED, 200: answers.Message },
  },
  'GET /secure-data': {
    summary: "The lesson's other guarded endpoint",
    by: ['bearer'],
    answers: { ...GUARDED, 200: answers.Message },
  },
  'GET /.well-known/jwks.json': {
    summary: 'The public keys, for services that verify tokens themselves',
    answers: { ...ANY, 200: answers.KeySet },
  },
  'GET /health': { summary: 'Alive', answers: { ...ANY, 200: answers.Status } },
  'GET /ready': {
    summary: 'Settings, keys and database are right',
    answers: { ...ANY, 200: answers.Status },
  },
}

const SECURITY = {
  bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  cookie: { type: 'apiKey', in: 'cookie', name: '__Host-latchkey_refresh' },
}

const TITLES: Record<number, string> = {
  200: 'Done',
  400: 'The input is refused',
  401: 'The token or the password is refused',
  403: 'Not over plain HTTP, or not from another origin',
  404: 'Not found',
  413: 'The body is over 8 KiB',
  415: 'The body is no JSON',
  429: 'Too many tries: see Retry-After',
  500: 'A bug: its request id is in X-Request-Id',
  503: 'Not now: see Retry-After',
}

/** The document. */
export function describeApi() {
  const paths: Record<string, Record<string, object>> = {}
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method = '', path = ''] = route.split(' ')
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(path, operation) }
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Latchkey', version: '0.1.0', license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    paths,
    components: { securitySchemes: SECURITY },
  }
}

function describe(path: string, { summary, by = [], body, query, answers: all }: Operation) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: toJsonSchema(schema as Schema),
  }))
  return {
    summary,
    security: by.map((scheme) => ({ [scheme]: [] })),
    parameters: [...inPath, ...inQuery],
    ...(body && { requestBody: { required: true, content: toContent(body) } }),
    responses: Object.fromEntries(
      Object.entries(all).map(([status, schema]) => [
        status,
        { description: TITLES[Number(status)], content: toContent(schema) },
      ]),
    ),
  }
}

const toContent = (schema: Schema) => ({ 'application/json': { schema: toJsonSchema(schema) } })

function toJsonSchema(schema: Schema): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return rest
}
