import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { Hono } from 'hono'
import { beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import * as mini from 'zod/mini'

import type { AppEnv } from '../../src/app-env.ts'
import { onError } from '../../src/http/error-response.ts'
import { openContext } from '../../src/middleware/context.ts'
import { validateJson, validateQuery } from '../../src/middleware/validate.ts'
import { COSMO, addUser, fetchApp, login } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

const first = () => new Hono<AppEnv>().onError(onError).use(openContext)

/** Sends a body to a route that accepts `schema` and responds with what its handler gets. */
async function send(schema: mini.core.$ZodType, body: unknown) {
  const app = first().post('/', validateJson(schema), (c) => c.json(c.req.valid('json') ?? null))
  const response = await app.request(
    '/',
    {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    },
    env,
    createExecutionContext(),
  )
  return { status: response.status, body: await response.json<{ error?: object }>() }
}

const rejected = (error: object) => ({ status: 400, body: { error } })
const accepted = (body: unknown) => ({ status: 200, body })

/** The same schemas, made with both packages. */
const packages = [
  {
    name: 'zod',
    note: z.object({
      title: z.string().min(2).max(5),
      tags: z.array(z.object({ name: z.string() })).optional(),
    }),
  },
  {
    name: 'zod/mini',
    note: mini.object({
      title: mini.string().check(mini.minLength(2), mini.maxLength(5)),
      tags: mini.optional(mini.array(mini.object({ name: mini.string() }))),
    }),
  },
]

describe.each(packages)('validateJson with a plain schema of $name', ({ note }) => {
  it.each<[title: string, body: unknown, error: object]>([
    ['a missing field', {}, { title: ['Missing data for required field.'] }],
    ['null', { title: null }, { title: ['Field may not be null.'] }],
    ['a number', { title: 7 }, { title: ['Not a valid string.'] }],
    ['a short string', { title: 'a' }, { title: ['Shorter than minimum length 2.'] }],
    ['a long string', { title: 'a title' }, { title: ['Longer than maximum length 5.'] }],
    ['an unknown field', { title: 'abc', admin: true }, { admin: ['Unknown field.'] }],
    [
      '__proto__',
      JSON.parse('{"title":"abc","__proto__":1}'),
      JSON.parse('{"__proto__":["Unknown field."]}'),
    ],
    ['a list', [], { _schema: ['Invalid input type.'] }],
    ['null as the body', null, { _schema: ['Invalid input type.'] }],
    ['a string for a list', { title: 'abc', tags: 'x' }, { tags: ['Not a valid list.'] }],
    ['a list in a list', { title: 'abc', tags: [[]] }, { 'tags.0': ['Invalid input type.'] }],
    [
      'errors of several fields',
      { tags: [{ name: 'x', extra: 1 }, {}], extra: 1 },
      {
        title: ['Missing data for required field.'],
        'tags.0.extra': ['Unknown field.'],
        'tags.1.name': ['Missing data for required field.'],
        extra: ['Unknown field.'],
      },
    ],
  ])("rejects %s with the lesson's text", async (_, body, error) => {
    expect(JSON.stringify(await send(note, body))).toBe(JSON.stringify(rejected(error)))
  })

  it('accepts a body that matches', async () => {
    const body = { title: 'abc', tags: [{ name: 'x' }] }
    expect(await send(note, body)).toEqual(accepted(body))
  })
})

it.each<[title: string, schema: mini.core.$ZodType, value: unknown, text: string]>([
  ['a fraction', z.int(), 1.5, 'Not a valid integer.'],
  ['a fraction, for number().int()', z.number().int(), 1.5, 'Not a valid integer.'],
  ['a string for a number', z.number(), '1', 'Not a valid number.'],
  ['a string for a boolean', z.boolean(), 'yes', 'Not a valid boolean.'],
  ['a number that is too small', z.number().min(1), 0, 'Must be greater than or equal to 1.'],
  ['a number that is not positive', z.number().positive(), 0, 'Must be greater than 0.'],
  ['a number that is too large', z.number().max(9), 10, 'Must be less than or equal to 9.'],
  ['another multiple', z.number().multipleOf(5), 7, 'Must be a multiple of 5.'],
  ['another length', z.string().length(3), 'ab', 'Length must be 3.'],
  ['a short list', z.array(z.string()).min(1), [], 'Shorter than minimum length 1.'],
  ['an email address', z.email(), 'x', 'Not a valid email address.'],
  ['an email address, for string().email()', z.string().email(), 'x', 'Not a valid email address.'],
  ['a URL', z.url(), 'x', 'Not a valid URL.'],
  ['a UUID', z.uuid(), 'x', 'String does not match expected pattern.'],
  ['a date', z.iso.date(), '2026-02-30', 'Not a valid date.'],
  ['a pattern', z.string().regex(/^a/), 'b', 'String does not match expected pattern.'],
  ['a prefix', z.string().startsWith('a'), 'b', 'String does not match expected pattern.'],
  ['an enum', z.enum(['a', 'b']), 'c', 'Must be one of: a, b.'],
  ['a literal', z.literal(1), 2, 'Must be one of: 1.'],
  ['a union', z.union([z.string(), z.number()]), true, 'Invalid value.'],
  ['a refinement', z.string().refine((text) => text === 'x'), 'y', 'Invalid value.'],
  ['a text of your own', z.string('Say who.'), 7, 'Say who.'],
  ['a text of your own for a check', z.string().min(2, 'Too short.'), 'x', 'Too short.'],
  ['a string for an object', z.object({}), '', 'Invalid input type.'],
  ['an object for null', z.object({}), null, 'Field may not be null.'],
  ['a record for a string', z.record(z.string(), z.number()), 'x', 'Invalid input type.'],
])('validateJson has a text for %s', async (_, schema, value, text) => {
  expect(await send(z.object({ field: schema }), { field: value })).toEqual(
    rejected({ field: [text] }),
  )
})

type Tree = { name: string; children: Tree[] }
const Tree: z.ZodType<Tree> = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree)
  },
})
const Lazy: z.ZodType<Tree> = z.object({
  name: z.string(),
  children: z.lazy(() => z.array(Lazy)),
})
const Item = z.object({ id: z.string() })
const DEEP = { id: 'a', extra: 1 }

it.each<[title: string, schema: mini.core.$ZodType, body: object, path: string]>([
  ['an optional object', z.object({ it: Item.optional() }), { it: DEEP }, 'it.extra'],
  ['a nullable object', z.object({ it: Item.nullable() }), { it: DEEP }, 'it.extra'],
  [
    'an object with a default',
    z.object({ it: Item.default({ id: 'x' }) }),
    { it: DEEP },
    'it.extra',
  ],
  ['a readonly object', z.object({ it: Item.readonly() }), { it: DEEP }, 'it.extra'],
  ['a list', z.object({ it: z.array(Item) }), { it: [DEEP] }, 'it.0.extra'],
  ['a tuple', z.object({ it: z.tuple([Item]) }), { it: [DEEP] }, 'it.0.extra'],
  ['a record', z.object({ it: z.record(z.string(), Item) }), { it: { k: DEEP } }, 'it.k.extra'],
  [
    'an intersection',
    z.intersection(Item, z.object({ b: z.number() })),
    { ...DEEP, b: 1 },
    'extra',
  ],
  ['a transformation', Item.transform(({ id }) => id), DEEP, 'extra'],
  ['a refined object', Item.refine(() => true), DEEP, 'extra'],
  [
    'an object that contains itself',
    Tree,
    { name: 'a', children: [{ name: 'b', children: [], extra: 1 }] },
    'children.0.extra',
  ],
  [
    'z.lazy',
    Lazy,
    { name: 'a', children: [{ name: 'b', children: [], extra: 1 }] },
    'children.0.extra',
  ],
  [
    'a discriminated union',
    z.discriminatedUnion('id', [
      z.object({ id: z.literal('a') }),
      z.object({ id: z.literal('b') }),
    ]),
    DEEP,
    'extra',
  ],
])('validateJson rejects unknown fields in %s', async (_, schema, body, path) => {
  expect(await send(schema, body)).toEqual(rejected({ [path]: ['Unknown field.'] }))
})

it('validateJson accepts unknown fields where the schema says so', async () => {
  const body = { id: 'a', extra: 1 }
  expect(await send(z.looseObject({ id: z.string() }), body)).toEqual(accepted(body))
  expect(await send(z.object({ id: z.string() }).catchall(z.number()), body)).toEqual(
    accepted(body),
  )
})

it('validateJson calls a default each time, and leaves the schema itself as it was', async () => {
  let count = 0
  const schema = z.object({ number: z.number().default(() => (count += 1)) })
  const validate = validateJson(schema)
  const app = first().post('/', validate, (c) => {
    expectTypeOf(c.req.valid('json')).toEqualTypeOf<{ number: number }>()
    return c.json(c.req.valid('json').number)
  })
  const headers = { 'Content-Type': 'application/json' }
  const init = { method: 'POST', headers, body: '{}' }
  const post = async () => (await app.request('/', init, env, createExecutionContext())).json()
  const [one, two] = [await post(), await post()]
  expect(two).not.toBe(one)
  expect(schema.parse({ number: 1, extra: 1 })).toEqual({ number: 1 })
})

it('validateQuery rejects unknown parameters of a plain schema', async () => {
  const app = first().get('/', validateQuery(z.object({ q: z.string() })), (c) => c.json(null))
  const response = await app.request('/?q=x&extra=1', {}, env)
  expect(await response.json()).toEqual({ error: { extra: ['Unknown field.'] } })
})

beforeEach(() => addUser())

const utf8 = new TextEncoder()
const bytes = (...parts: (string | number[])[]) =>
  new Uint8Array(
    parts.flatMap((part) => (typeof part === 'string' ? [...utf8.encode(part)] : part)),
  )

const logIn = (body: BodyInit, type = 'application/json') =>
  fetchApp('/login', { method: 'POST', headers: { 'Content-Type': type }, body })

describe('a body that is not UTF-8 is rejected, so that different bytes never become the same password:', () => {
  it.each([
    ['Latin-1', [0xe4]],
    ['another Latin-1 letter', [0xf6]],
    ['a truncated character', [0xe2, 0x82]],
    ['an overlong encoding', [0xc1, 0x81]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
    ['a code point above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ])('%s', async (_, wrong) => {
    for (const field of ['password', 'username', 'other']) {
      const response = await logIn(bytes(`{"${field}":"space`, wrong, '"}'))
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ error: 'Malformed JSON in request body' })
    }
    const { results } = await env.DB.prepare('SELECT * FROM login_failures').all()
    expect(results).toEqual([])
  })

  it('UTF-16, which Windows shells pipe', async () => {
    const utf16 = [...JSON.stringify(COSMO)].flatMap((char) => [char.charCodeAt(0), 0])
    expect((await logIn(bytes([0xff, 0xfe], utf16))).status).toBe(400)
  })

  it('but U+FFFD itself and a byte order mark are accepted', async () => {
    const user = { username: 'ada', password: `a ${String.fromCodePoint(65_533)} in the middle` }
    await addUser(user)
    expect((await logIn(bytes([0xef, 0xbb, 0xbf], JSON.stringify(user)))).status).toBe(200)
  })
})

describe('a URL that is not percent-encoded UTF-8 changes no user, even one with that literal name:', () => {
  it.each(['%E9', '%', '100%', '%zz', '%C3', 'a%ED%A0%80', '%F6%E9'])('/users/%s', async (name) => {
    await addUser({ username: 'root', password: 'x' }, ['admin'])
    await addUser({ username: name, password: 'x' })
    const token = await login({ username: 'root', password: 'x' })
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const call = (method: string, path: string, body?: string) =>
      fetchApp(path, { method, headers, ...(body && { body }) })
    for (const response of [
      await call('GET', `/users/${name}`),
      await call('PATCH', `/users/${name}`, '{"disabled":true}'),
      await call('GET', `/users/${name}/sessions`),
      await call('DELETE', `/users/${name}/sessions`),
      await call('DELETE', `/users/${name}`),
      await call('GET', `/users?prefix=${name}`),
      await call('GET', `/sessions?after=${name}`),
    ]) {
      expect(response.status).toBe(400)
      expect(response.headers.get('X-Error-Code')).toBe('url_malformed')
    }
    const encoded = `/users/${encodeURIComponent(name)}`
    expect(await (await call('GET', encoded)).json()).toMatchObject({
      username: name,
      disabled_at: null,
    })
    expect((await call('DELETE', encoded)).status).toBe(200)
  })
})

describe('media types of JSON:', () => {
  it.each([
    'application/json',
    'Application/JSON ; charset=utf-8',
    ' application/json',
    'application/vnd.api+json',
    'application/problem+json; charset="utf-8"',
    'application/LD+JSON',
    'application/vnd.a_b.v1+json',
  ])('%j logs in', async (type) => {
    expect((await logIn(JSON.stringify(COSMO), type)).status).toBe(200)
  })

  it.each([
    'application/jsonp',
    'application/+json',
    'application/json5',
    'application/a+b+json',
    'application/x json',
    'text/json',
    'text/x+json',
    'application/vnd.api+json+xml',
    'application/json, text/plain',
    'text/plain; application/json',
    'multipart/form-data; x=application/json',
  ])('%j gets 415', async (type) => {
    expect((await logIn(JSON.stringify(COSMO), type)).status).toBe(415)
  })
})

it('whitespace around the Authorization value is not part of it', async () => {
  const isolate = createIsolate()
  const token = await login()
  for (const value of [`Bearer ${token} `, `Bearer ${token}\t`, ` \tBearer ${token} \t `])
    expect((await isolate.fetch('/me', { headers: { Authorization: value } })).status).toBe(200)
  for (const value of ['', ' ', '\t '])
    expect(
      await (await isolate.fetch('/me', { headers: { Authorization: value } })).json(),
    ).toEqual({ msg: 'Missing Authorization Header' })
})
