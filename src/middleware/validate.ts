// Bodies, queries and paths of requests: parsed by a schema, or rejected in the lesson's shape.

import { zValidator } from '@hono/zod-validator'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import * as z from 'zod/mini'

import { toStrict } from '../contract/validation.ts'
import { AppError, type FieldErrors } from '../errors.ts'

const MAX_BYTES = 8 * 1024
/** JSON and the formats that are written in it (RFC 6839 3.1): those that Hono's validator parses. */
const JSON_MEDIA_TYPE = /^application\/([\w.-]+\+)?json$/i
// A decoder that is not fatal turns all invalid bytes into U+FFFD: different passwords would be equal.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** The schema of each validator of a body, for the OpenAPI document. */
export const bodySchemas = new WeakMap<object, z.core.$ZodType>()

/**
 * Parses the body by `schema`, made with `zod` or `zod/mini`, into `c.req.valid('json')`. Unknown fields are
 * errors, unless the object is a `z.looseObject`. Throws `body_not_json` (415),
 * `body_too_large` (413), `body_timeout` (408), `body_incomplete`, `body_malformed` or `input_invalid`
 * (400, with every field's errors).
 */
export function validateJson<Schema extends z.core.$ZodType>(schema: Schema) {
  const limit = bodyLimit({
    maxSize: MAX_BYTES,
    onError: () => Promise.reject(new AppError('body_too_large')),
  })
  const parse = zValidator('json', toStrictLater(schema), requireValid)
  const validate: typeof parse = async (c, next) => {
    requireJson(c)
    let isRead = false
    const read = limit(c, async () => {
      const bytes = await c.req.arrayBuffer()
      isRead = true
      requireJsonText(bytes)
      await parse(c, next)
    })
    await read.catch((error: unknown) => {
      // RFC 9112 8: the client has left, or its framing is broken. Not a bug, so it is not logged.
      throw isRead || error instanceof AppError ? error : new AppError('body_incomplete')
    })
  }
  bodySchemas.set(validate, schema)
  return validate
}

/** Converts a schema at its first request: to convert all of them would be a good part of a cold start. */
const toStrictLater = <Schema extends z.core.$ZodType>(
  schema: Schema,
): z.core.$ZodType<z.output<Schema>, z.input<Schema>> => z.lazy(() => toStrict(schema))

/** Throws `body_not_json` (415): a page of another origin can send anything else without a preflight. */
export function requireJson(c: Context): void {
  const [mediaType = ''] = (c.req.header('Content-Type') ?? '').split(';')
  if (!JSON_MEDIA_TYPE.test(mediaType.trim())) throw new AppError('body_not_json')
}

/** Throws `body_malformed` for what is not JSON in UTF-8 (RFC 8259 8.1). */
function requireJsonText(bytes: ArrayBuffer): void {
  try {
    JSON.parse(utf8.decode(bytes))
  } catch {
    throw new AppError('body_malformed') // a SyntaxError, or a TypeError for invalid UTF-8
  }
}

/** Parses the query by `schema` into `c.req.valid('query')`. Throws `url_malformed` or `input_invalid` (400). */
export const validateQuery = <Schema extends z.core.$ZodType>(schema: Schema) =>
  zValidator('query', toStrictLater(schema), requireValid)

/** Parses the path parameters by `schema` into `c.req.valid('param')`. Throws `url_malformed` (400) or `not_found`. */
export const validatePath = <Schema extends z.ZodMiniType>(schema: Schema) =>
  zValidator('param', schema, ({ success }, c) => {
    requireWellFormedUrl(c)
    if (!success) throw new AppError('not_found')
  })

/**
 * Throws `url_malformed` for a URL that is not percent-encoded UTF-8 (RFC 3986 2.5). Hono leaves such parts
 * as they are, so `/users/%E9` would be the user who is literally called `%E9`.
 */
function requireWellFormedUrl(c: Context): void {
  try {
    decodeURIComponent(c.req.url)
  } catch {
    throw new AppError('url_malformed')
  }
}

type Result = { success: true } | { success: false; error: z.core.$ZodError }

function requireValid(result: Result, c: Context): void {
  requireWellFormedUrl(c)
  if (!result.success)
    throw new AppError('input_invalid', { error: toFieldErrors(result.error.issues) })
}

/** Groups issues by field; those of the body as a whole are under `_schema` (Marshmallow's name). */
function toFieldErrors(issues: readonly z.core.$ZodIssue[]): FieldErrors {
  const errors = new Map<string, string[]>()
  const add = (field: string, text: string) =>
    errors.set(field, [...(errors.get(field) ?? []), text])
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys')
      issue.keys.forEach((key) => add([...issue.path, key].join('.'), 'Unknown field.'))
    else add(issue.path.length === 0 ? '_schema' : issue.path.join('.'), issue.message)
  }
  return Object.fromEntries(errors)
}
