import { describe, expect, it, vi } from 'vitest'

import { importKey } from '../../src/auth/keys.ts'

const randomSecret = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))

describe('a secret that anyone could guess is refused, and not quoted (RFC 8725 3.5)', () => {
  it.each([
    ['empty', ''],
    ['31 bytes', randomSecret().slice(0, 31)],
    ["the lesson's", 'super-secret'],
    ["the lesson's, made long", 'super-secret'.repeat(4)],
    ['changeme', `changeme-${randomSecret()}`],
    ["jwt.io's", 'a-string-secret-at-least-256-bits-long'],
    ['the example file', 'replace-me-with-the-output-of-openssl-rand-base64-32'],
    ['a template', 'your-256-bit-key-goes-right-here-ok?'],
    ['zeros', '0'.repeat(64)],
    ['a repeated word', 'abcdefghi'.repeat(8)],
  ])('%s', async (_, secret) => {
    const error = await importKey(secret).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({
      code: 'not_set_up',
      message: expect.stringContaining('JWT_SECRET'),
    })
    expect(String(error)).not.toContain(secret || 'undefined')
  })
})

it('1,000 random secrets of the recommended kinds are all accepted', async () => {
  for (let made = 0; made < 500; made += 1) {
    const hex = [...crypto.getRandomValues(new Uint8Array(32))].map((byte) =>
      byte.toString(16).padStart(2, '0'),
    )
    for (const secret of [randomSecret(), hex.join('')])
      await expect(importKey(secret)).resolves.toMatchObject({ alg: 'HS256' })
  }
})

it('a secret is imported once per isolate, and cannot be exported again', async () => {
  const [one, two] = [randomSecret(), randomSecret()]
  const imports = vi.spyOn(crypto.subtle, 'importKey')
  const keys = [
    await importKey(one),
    await importKey(one),
    await importKey(two),
    await importKey(one),
  ]
  expect(imports).toHaveBeenCalledTimes(2)
  expect(keys[0]).toBe(keys[3])
  for (const key of keys) expect(key.extractable).toBe(false)
})

it('the kid is the same for the same secret alone, and shows nothing of it', async () => {
  const [one, two] = [randomSecret(), randomSecret()]
  const { kid } = await importKey(one)
  expect(kid).toMatch(/^[0-9a-f]{16}$/)
  expect((await importKey(one)).kid).toBe(kid)
  expect((await importKey(two)).kid).not.toBe(kid)
  const plain = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(one))
  const hex = [...new Uint8Array(plain)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  expect(hex).not.toContain(kid)
})
