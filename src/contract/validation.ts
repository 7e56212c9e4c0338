// How a zod schema validates a request: unknown fields are errors, and errors have the lesson's texts (Marshmallow's).

import * as z from 'zod/mini'

const TYPES: Record<string, string> = { int: 'integer', array: 'list', tuple: 'list' }
const FORMATS: Record<string, string> = { email: 'email address', url: 'URL', date: 'date' }

/** Returns the text of an issue that has none of its own. Pass it to zod as `error`. */
export function describeIssue(issue: z.core.$ZodRawIssue): string {
  const { code, input, path = [] } = issue
  const isObject = code === 'invalid_type' && ['object', 'record'].includes(issue.expected)
  if (isObject && (path.length === 0 || (input ?? null) !== null)) return 'Invalid input type.'
  if (input === undefined) return 'Missing data for required field.'
  if (input === null) return 'Field may not be null.'
  if (code === 'invalid_type') return `Not a valid ${TYPES[issue.expected] ?? issue.expected}.`
  if (code === 'invalid_value') return `Must be one of: ${issue.values.join(', ')}.`
  if (code === 'not_multiple_of') return `Must be a multiple of ${issue.divisor}.`
  if (code === 'too_small' || code === 'too_big') return describeLimit(issue)
  if (code !== 'invalid_format') return 'Invalid value.'
  const format = FORMATS[issue.format]
  return format ? `Not a valid ${format}.` : 'String does not match expected pattern.'
}

type LimitIssue = Extract<z.core.$ZodRawIssue, { code: 'too_small' | 'too_big' }>

function describeLimit(issue: LimitIssue): string {
  const isMinimum = issue.code === 'too_small'
  const limit = isMinimum ? issue.minimum : issue.maximum
  const orEqual = issue.inclusive === false ? '' : ' or equal to'
  if (!['string', 'array'].includes(issue.origin))
    return `Must be ${isMinimum ? 'greater' : 'less'} than${orEqual} ${limit}.`
  if (issue.exact) return `Length must be ${limit}.`
  return `${isMinimum ? 'Shorter than minimum' : 'Longer than maximum'} length ${limit}.`
}

/** The parts of a schema's definition that are schemas or lists of schemas. */
const PARTS = new Set(
  'innerType element items rest options left right valueType in out catchall'.split(' '),
)

const strictSchemas = new WeakMap<object, z.core.$ZodType>()

/**
 * Returns a copy of a schema in which plain objects, at any depth, reject unknown fields, and issues
 * without a text of their own get that of `describeIssue`. `z.looseObject` still accepts unknown fields.
 */
export function toStrict<Schema extends z.core.$ZodType>(schema: Schema): Schema {
  const known = strictSchemas.get(schema)
  if (known) return known as Schema
  const { def } = schema._zod
  const changes: Record<string, unknown> = { error: def.error ?? describeIssue }
  if (def.type === 'object') changes['catchall'] = z.never()
  for (const [name, part] of Object.entries(def)) {
    if (name === 'shape') changes[name] = convertShape(part)
    if (name === 'getter') changes[name] = () => convert(part())
    if (PARTS.has(name) && part) changes[name] = convert(part)
  }
  changes['_cachedInner'] = undefined // what z.lazy has read before
  // Inherits the rest, such as a default that is a getter, because it returns another value each time.
  const strict = z.clone(schema, Object.create(def, Object.getOwnPropertyDescriptors(changes)))
  strictSchemas.set(schema, strict)
  return strict
}

type Schemas = z.core.$ZodType | Schemas[]
const convert = (part: Schemas): Schemas =>
  Array.isArray(part) ? part.map(convert) : toStrict(part)

/** Converts a field when zod first reads it, since a schema may contain itself. */
function convertShape(shape: object): object {
  const convertLater = (field: Schemas) => ({ enumerable: true, get: () => convert(field) })
  const fields = Object.entries(shape).map(([name, field]) => [name, convertLater(field)])
  return Object.defineProperties({}, Object.fromEntries(fields))
}
