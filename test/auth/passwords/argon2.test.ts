import Argon2 from '@phi-ag/argon2'
import module from '@phi-ag/argon2/argon2.wasm'
import { describe, expect, it, vi } from 'vitest'

import { argon2id } from '../../../src/auth/passwords/argon2.ts'
import { verifyPassword } from '../../../src/auth/passwords/hash.ts'
import vectors from '../../vectors/argon2.json'

/** The memory of the module's only instance, which is created at the first hash. */
const memories: WebAssembly.Memory[] = []
const { Instance } = WebAssembly
vi.spyOn(WebAssembly, 'Instance').mockImplementation(function (compiled) {
  const instance = new Instance(compiled)
  memories.push((instance.exports as { memory: WebAssembly.Memory }).memory)
  return instance
})

const utf8 = (text: string) => new TextEncoder().encode(text)
const fromBase64 = (text = '') => Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
const SMALL = { memoryKib: 8, passes: 1, lanes: 1, hashLength: 32 }
const SALT = utf8('0123456789abcdef')

describe('argon2id agrees with published vectors and independent implementations (RFC 9106)', () => {
  it.each(vectors)('$phc', ({ password, phc }) => {
    const [, , , cost = '', salt, hash] = phc.split('$')
    const [memoryKib = 0, passes = 0, lanes = 0] = cost.match(/\d+/g)?.map(Number) ?? []
    const expected = fromBase64(hash)
    const hashLength = expected.length
    const computed = argon2id(utf8(password), fromBase64(salt), {
      memoryKib,
      passes,
      lanes,
      hashLength,
    })
    expect(computed).toEqual(expected)
    expect(verifyPassword(phc, password, argon2id).matches).toBe(true)
    expect(verifyPassword(phc, `${password}.`, argon2id).matches).toBe(false)
  })

  it('the vectors come from the reference implementation, Node and Debian', () => {
    const from = (name: string) => vectors.filter((vector) => vector.from.includes(name))
    expect(from('phc-winner-argon2')).toHaveLength(7)
    expect(from('node')).toHaveLength(vectors.length)
    expect(from('argon2').length).toBeGreaterThan(12)
  })
})

describe('the hash depends on each input', () => {
  const reference = argon2id(utf8('password'), SALT, SMALL)

  it.each([
    ['memory', { ...SMALL, memoryKib: 16 }],
    ['passes', { ...SMALL, passes: 2 }],
    ['lanes', { ...SMALL, memoryKib: 16, lanes: 2 }],
    ['hash length', { ...SMALL, hashLength: 31 }],
  ])('a different value for %s gives a different hash', (_, cost) => {
    const hash = argon2id(utf8('password'), SALT, cost)
    expect(hash).toHaveLength(cost.hashLength)
    expect(hash).not.toEqual(reference.subarray(0, cost.hashLength))
  })

  it('a different salt, or a NUL appended to the password, gives a different hash', () => {
    expect(argon2id(utf8('password'), utf8('0123456789abcdeg'), SMALL)).not.toEqual(reference)
    expect(argon2id(utf8('password\0'), SALT, SMALL)).not.toEqual(reference)
    expect(argon2id(utf8('password'), SALT, SMALL)).toEqual(reference)
  })

  it("a non-ASCII password is hashed completely, although the package's own wrapper truncates it", () => {
    const wrapper = new Argon2(new Instance(module))
    const options = { memoryCost: 32, timeCost: 1, parallelism: 1, salt: SALT }
    const [one, other] = ['ééééééabcdef', 'éééééé------']
    expect(wrapper.hash(one, options).hash).toEqual(wrapper.hash(other, options).hash)
    expect(argon2id(utf8(one), SALT, SMALL)).not.toEqual(argon2id(utf8(other), SALT, SMALL))
  })
})

describe('invalid parameters throw a RangeError, and the next hash is still correct', () => {
  it.each([
    ['an empty salt', new Uint8Array(), SMALL],
    ['a salt of 7 bytes', utf8('7 bytes'), SMALL],
    ['too little memory', SALT, { ...SMALL, memoryKib: 7 }],
    ['zero passes', SALT, { ...SMALL, passes: 0 }],
    ['zero lanes', SALT, { ...SMALL, lanes: 0 }],
    ['a hash of 3 bytes', SALT, { ...SMALL, hashLength: 3 }],
    ['more memory than is available', SALT, { ...SMALL, memoryKib: 4_000_000 }],
  ])('%s', (_, salt, cost) => {
    const before = argon2id(utf8('password'), SALT, SMALL)
    expect(() => argon2id(utf8('password'), salt, cost)).toThrow(RangeError)
    expect(argon2id(utf8('password'), SALT, SMALL)).toEqual(before)
  })
})

describe('the memory of the argon2 module', () => {
  it('the memory of the argon2 module contains neither the password nor the hash after hashing', () => {
    const password = utf8('a password to look for in the memory')
    const hash = argon2id(password, SALT, SMALL)
    expect(memories).toHaveLength(1)
    const heap = new TextDecoder('latin1').decode(memories[0]?.buffer)
    const toLatin1 = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes)
    expect(heap.length).toBeGreaterThan(8 * 1024)
    expect(heap.includes(toLatin1(password.subarray(0, 16)))).toBe(false)
    expect(heap.includes(toLatin1(hash))).toBe(false)
  })

  it('the memory of the argon2 module does not grow from one hash to the next', () => {
    const cost = { ...SMALL, memoryKib: 19_456 }
    const sizes = Array.from({ length: 20 }, (_, round) => {
      argon2id(utf8('x'.repeat(round * 50)), SALT, cost)
      return memories[0]?.buffer.byteLength
    })
    expect(new Set(sizes).size).toBe(1)
  })
})
