// Generates requests as an attacker or a broken client would send them.

import * as fc from 'fast-check'

import { OPERATIONS } from '../../src/contract/operations.ts'

/** Every route with the example body of its description. */
const ROUTES = Object.entries(OPERATIONS).map(([route, { example }]) => ({
  route: route.replaceAll(/\{\w+\}/g, 'x'),
  validBody: JSON.stringify(example.body ?? {}),
}))

/** A request as plain data, so that a counterexample is readable. */
export type Hostile = {
  method: string
  path: string
  headers: Record<string, string>
  token: 'none' | 'access' | 'refresh' | 'cut' | 'changed'
  body: string | Uint8Array
}

/** The admin who sends all requests. No body below changes this password. */
export const LAIKA = { username: 'laika', password: 'barks in orbit' }

/** Any string that a header may contain. */
const header = (max = 200) =>
  fc.string({
    unit: fc
      .oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }))
      .map((code) => String.fromCharCode(code)),
    maxLength: max,
  })
const segment = fc.oneof(
  fc.base64String().map((text) => text.replace(/[+/=]/g, '_')),
  fc.json().map((json) => Buffer.from(json).toString('base64url')),
)
const nestedArrays = fc
  .integer({ min: 1, max: 4000 })
  .map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`)
const fields = fc.dictionary(
  fc.constantFrom(
    'username',
    'password',
    'current_password',
    'new_password',
    'code',
    'cookie',
    'roles',
    'disabled',
    '__proto__',
    'constructor',
    'x',
  ),
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('cosmo', 'space-corgi', '', ['admin'], true),
    fc.jsonValue(),
    fc.string({ minLength: 9000, maxLength: 20_000 }),
  ),
)

export const hostile: fc.Arbitrary<Hostile> = fc
  .record({
    target: fc.constantFrom(...ROUTES),
    method: fc.oneof(
      { weight: 5, arbitrary: fc.constant(undefined) }, // the route's own
      fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'),
    ),
    tail: fc.oneof(
      { weight: 6, arbitrary: fc.constant('') },
      fc.webQueryParameters().map((query) => `?${query}`),
      fc.constantFrom(
        '?scope=all',
        '?scope=others',
        '?limit=1',
        '?limit=0&limit=9',
        '?after=1.x',
        '?prefix=%25',
        '?username=x&event=login.succeeded',
        '?after=1800000000.000001',
      ),
      fc.constantFrom('/', '//', '/%2e%2e/', '/%', '%00', '/%ff', '/__proto__', ';x', '%2f'),
      fc.webSegment().map((part) => `/${part}`),
    ),
    token: fc.constantFrom('none', 'access', 'refresh', 'cut', 'changed') as fc.Arbitrary<
      Hostile['token']
    >,
    headers: fc.dictionary(
      fc.constantFrom(
        'Content-Type',
        'CF-Connecting-IP',
        'X-Forwarded-For',
        'Origin',
        'Cookie',
        'User-Agent',
        'cf-ray',
        'Sec-Fetch-Site',
        'Accept',
        'X-Session',
        'Access-Control-Request-Method',
        'Authorization',
      ),
      fc.oneof(
        header(),
        fc.ipV6(),
        fc.constantFrom(
          'null',
          'application/json',
          'application/json; charset=utf-8',
          'text/plain',
          'Bearer',
          'Bearer x',
          'Basic eA==',
        ),
        fc.tuple(segment, segment, segment).map((segments) => `Bearer ${segments.join('.')}`),
        header(6000),
      ),
      { maxKeys: 4 },
    ),
    json: fc.boolean(),
    body: fc.oneof(
      fc.constant(JSON.stringify(LAIKA)),
      { weight: 3, arbitrary: fc.constant(undefined) }, // the route's own
      fields.map((object) => JSON.stringify(object)),
      fc.json(),
      nestedArrays,
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 500 }),
      fc.constant('['.repeat(20_000)),
    ),
  })
  .map(({ target, method, tail, token, headers, json, body = target.validBody }) => {
    const [routeMethod = '', path = ''] = target.route.split(' ')
    const sentMethod = method ?? routeMethod
    const sentHeaders = json ? { ...headers, 'Content-Type': 'application/json' } : headers
    const hasBody = sentMethod !== 'GET' && sentMethod !== 'HEAD'
    return {
      method: sentMethod,
      path: path + tail,
      headers: sentHeaders,
      token,
      body: hasBody ? body : '',
    }
  })
