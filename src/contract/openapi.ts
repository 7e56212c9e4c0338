// The OpenAPI 3.1 document, generated from the schemas that validate. `npm run openapi` writes it to a file.

import * as z from 'zod/mini'

import { ERRORS } from '../errors.ts'
import type { Operation, Schema } from './operation.ts'
import { OPERATIONS } from './operations.ts'
import { ErrorBody, GuardError } from './responses.ts'
import { toStrict } from './validation.ts'

const SECURITY = {
  bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-latchkey_refresh',
    description:
      'The browser sets it at a login with `"cookie": true` and sends it by itself. There is nothing to enter here.',
  },
}

/** The groups of the document in their order, by the beginnings of their paths. */
const TAGS: [name: string, paths: RegExp, description: string][] = [
  ['Login', /^\/(login|signup|refresh|logout|reset-password)$/, 'Get tokens, and give them back'],
  ['Account', /^\/(me|sessions)(\/|$)/, 'What users may see and change of their own'],
  ['Users', /^\/(users|events)(\/|$)/, 'For admins who have logged in within the last 15 minutes'],
  ['Service', /^\/(\.well-known|health|ready)(\/|$)/, 'For other services and for monitoring'],
  ['Guarded endpoints', /^/, 'The examples of the lesson, and your own'],
]
const listTags = (path: string) =>
  TAGS.filter(([, paths]) => paths.test(path))
    .slice(0, 1)
    .map(([name]) => name)

const STATUS_DESCRIPTIONS: Record<number, string> = {
  200: 'OK',
  201: 'Created',
  400: 'Invalid input',
  401: 'The token or the password was rejected',
  403: 'Plain HTTP, another origin, or a missing role',
  404: 'Not found',
  408: 'The body took longer than 10 seconds',
  409: 'The username is taken, or no admin would be left',
  413: 'The body is larger than 8 KiB',
  415: 'The body is not JSON',
  429: 'Too many attempts, see Retry-After',
  500: 'A bug: its request id is in X-Request-Id',
  503: 'Temporarily unavailable, see Retry-After',
}

/** Error responses; the first one that matches a route's schema is its example. */
const ERROR_EXAMPLES: Record<number, object[]> = {
  400: [{ error: { password: ['Missing data for required field.'] } }],
  401: [{ msg: ERRORS.authorization_missing.msg }, { error: ERRORS.bad_credentials.error }],
  403: [{ error: ERRORS.https_required.error }],
  404: [{ error: ERRORS.not_found.error }],
  408: [{ error: ERRORS.body_timeout.error }],
  409: [{ error: ERRORS.last_admin.error }],
  413: [{ error: ERRORS.body_too_large.error }],
  415: [{ error: ERRORS.body_not_json.error }],
  429: [{ error: ERRORS.too_many_attempts.error }],
  500: [{ error: ERRORS.internal.error }],
  503: [{ error: ERRORS.database_failed.error }],
}

/** A route without a description in operations.ts, as the app knows it; `path` is like `/notes/{id}`. */
export type OwnRoute = {
  method: string
  path: string
  isGuarded: boolean
  body?: z.core.$ZodType | undefined
}

/** Returns the document: Latchkey's own routes, and what is known of yours. */
export function describeApi(ownRoutes: OwnRoute[] = []) {
  const paths: Record<string, Record<string, object>> = {}
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method = '', path = ''] = route.split(' ')
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(path, operation) }
  }
  for (const route of ownRoutes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeOwn(route) }
  return {
    openapi: '3.1.1',
    info: { title: 'Latchkey', version: '0.1.0', license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    tags: TAGS.map(([name, , description]) => ({ name, description })),
    paths,
    components: { securitySchemes: SECURITY },
  }
}

const listPathParameters = (path: string) =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

function describeOwn({ method, path, isGuarded, body }: OwnRoute) {
  const toResponse = (status: 400 | 401, schema: Schema) => ({
    [status]: {
      description: STATUS_DESCRIPTIONS[status],
      content: toContent(schema, ERROR_EXAMPLES[status] ?? []),
    },
  })
  const content = body && { 'application/json': { schema: toJsonSchema(toStrict(body)) } }
  return {
    summary: `${method} ${path}`,
    tags: listTags(path),
    security: isGuarded ? [{ bearer: [] }] : [],
    parameters: listPathParameters(path),
    ...(content && { requestBody: { required: true, content } }),
    responses: {
      '2XX': { description: 'Success' },
      ...(body && toResponse(400, ErrorBody)),
      ...(isGuarded && toResponse(401, GuardError)),
    },
  }
}

function describe(path: string, operation: Operation) {
  const { summary, security = [], body, query, responses, example } = operation
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: toJsonSchema(schema as Schema),
  }))
  return {
    summary,
    tags: listTags(path),
    security: security.map((scheme) => ({ [scheme]: [] })),
    parameters: [...listPathParameters(path), ...inQuery],
    ...(body && { requestBody: { required: true, content: toContent(body, [example.body]) } }),
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, schema]) => [
        status,
        {
          description: STATUS_DESCRIPTIONS[Number(status)],
          content: toContent(schema, ERROR_EXAMPLES[Number(status)] ?? [example.response]),
        },
      ]),
    ),
  }
}

/** Throws when no example matches the schema. */
function toContent(schema: Schema, examples: unknown[]) {
  const example = examples.find((candidate) => schema.safeParse(candidate).success)
  if (!example) throw new Error(`no example of ${JSON.stringify(toJsonSchema(schema))}`)
  return { 'application/json': { schema: toJsonSchema(schema), example } }
}

function toJsonSchema(schema: z.core.$ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return rest
}
