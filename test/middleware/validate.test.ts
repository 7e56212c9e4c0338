import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'

import { COSMO, addUser, fetchApp, login } from '../helpers.ts'
import { createIsolate } from '../isolates.ts'

beforeEach(() => addUser())

const utf8 = new TextEncoder()
const bytes = (...parts: (string | number[])[]) =>
  new Uint8Array(
    parts.flatMap((part) => (typeof part === 'string' ? [...utf8.encode(part)] : part)),
  )

const send = (body: BodyInit, type = 'application/json') =>
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
      const response = await send(bytes(`{"${field}":"space`, wrong, '"}'))
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ error: 'Malformed JSON in request body' })
    }
    const { results } = await env.DB.prepare('SELECT * FROM login_failures').all()
    expect(results).toEqual([])
  })

  it('UTF-16, which Windows shells pipe', async () => {
    const utf16 = [...JSON.stringify(COSMO)].flatMap((char) => [char.charCodeAt(0), 0])
    expect((await send(bytes([0xff, 0xfe], utf16))).status).toBe(400)
  })

  it('but U+FFFD itself and a byte order mark are accepted', async () => {
    const user = { username: 'ada', password: `a ${String.fromCodePoint(65_533)} in the middle` }
    await addUser(user)
    expect((await send(bytes([0xef, 0xbb, 0xbf], JSON.stringify(user)))).status).toBe(200)
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
    'application/vnd.a!b#c$d&e^f_g+h+json',
  ])('%j logs in', async (type) => {
    expect((await send(JSON.stringify(COSMO), type)).status).toBe(200)
  })

  it.each([
    'application/jsonp',
    'application/+json',
    'application/json5',
    'application/x json',
    'text/json',
    'text/x+json',
    'application/vnd.api+json+xml',
    'application/json, text/plain',
    'text/plain; application/json',
    'multipart/form-data; x=application/json',
  ])('%j gets 415', async (type) => {
    expect((await send(JSON.stringify(COSMO), type)).status).toBe(415)
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
