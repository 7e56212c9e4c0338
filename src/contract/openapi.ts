// The API, described (OpenAPI 3.1): made of the schemas that validate, written to a file by `npm run openapi`.

import * as z from 'zod/mini'

import { ANSWERS } from '../errors.ts'
import { type Operation, OPERATIONS, type Schema } from './operations.ts'

const SECURITY = {
  bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  cookie: { type: 'apiKey', in: 'cookie', name: '__Host-latchkey_refresh' },
}

const TITLES: Record<number, string> = {
  200: 'Done',
  201: 'Made',
  400: 'The input is refused',
  401: 'The token or the password is refused',
  403: 'Not over plain HTTP, not from another origin, or not without the role',
  404: 'Not found',
  409: 'Not as things are: the name is taken, or no admin would be left',
  413: 'The body is over 8 KiB',
  415: 'The body is no JSON',
  429: 'Too many tries: see Retry-After',
  500: 'A bug: its request id is in X-Request-Id',
  503: 'Not now: see Retry-After',
}

/** Refusals as the Worker words them; the first that fits a route's schema is its example. */
const REFUSALS: Record<number, object[]> = {
  400: [{ error: { password: ['Missing data for required field.'] } }],
  401: [{ msg: ANSWERS.authorization_missing.msg }, { error: ANSWERS.bad_credentials.error }],
  403: [{ error: ANSWERS.https_required.error }],
  404: [{ error: ANSWERS.not_found.error }],
  409: [{ error: ANSWERS.last_admin.error }],
  413: [{ error: ANSWERS.body_too_large.error }],
  415: [{ error: ANSWERS.body_not_json.error }],
  429: [{ error: ANSWERS.too_many_tries.error }],
  500: [{ error: ANSWERS.internal.error }],
  503: [{ error: ANSWERS.database_failed.error }],
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

function describe(path: string, operation: Operation) {
  const { summary, by = [], body, query, answers: all, example } = operation
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
    ...(body && { requestBody: { required: true, content: toContent(body, [example.body]) } }),
    responses: Object.fromEntries(
      Object.entries(all).map(([status, schema]) => [
        status,
        {
          description: TITLES[Number(status)],
          content: toContent(schema, REFUSALS[Number(status)] ?? [example.answer]),
        },
      ]),
    ),
  }
}

/** Throws when no example is one of its schema. */
function toContent(schema: Schema, examples: unknown[]) {
  const example = examples.find((one) => schema.safeParse(one).success)
  if (!example) throw new Error(`no example of ${JSON.stringify(toJsonSchema(schema))}`)
  return { 'application/json': { schema: toJsonSchema(schema), example } }
}

function toJsonSchema(schema: Schema): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return rest
}
