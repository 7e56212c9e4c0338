// argon2id (RFC 9106) for the Worker: a WebAssembly module, imported statically, since Workers forbid compiling one.

import module from '@phi-ag/argon2/argon2.wasm'

import type { Argon2id } from './hash.ts'

/** The exports used here. The package's own wrapper truncates passwords with non-ASCII characters. */
type Exports = {
  memory: WebAssembly.Memory
  _initialize(): void
  malloc(length: number): number
  free(pointer: number): void
  /** Passes, KiB, lanes; pointer and length of password, salt, hash and encoded string; type; version. */
  argon2_hash(...args: number[]): number
}

const TYPE_ARGON2ID = 2
const VERSION = 0x13

let instance: Exports | undefined

/** Returns the isolate's one instance: its memory grows to the largest hash once and is reused. */
function load(): Exports {
  if (!instance) {
    instance = new WebAssembly.Instance(module).exports as Exports
    instance._initialize()
  }
  return instance
}

/** Hashes synchronously: about 25 ms of CPU at today's parameters. */
export const argon2id: Argon2id = (password, salt, { memoryKib, passes, lanes, hashLength }) => {
  const wasm = load()
  const size = password.length + salt.length + hashLength
  const start = wasm.malloc(size)
  if (start === 0) throw new RangeError('argon2id: out of memory')
  const saltAt = start + password.length
  const hashAt = saltAt + salt.length
  // Looked up each time, because growing the memory detaches the buffer.
  const heap = () => new Uint8Array(wasm.memory.buffer)
  heap().set(password, start)
  heap().set(salt, saltAt)
  const params = [passes, memoryKib, lanes]
  const buffers = [start, password.length, saltAt, salt.length, hashAt, hashLength, 0, 0]
  const code = wasm.argon2_hash(...params, ...buffers, TYPE_ARGON2ID, VERSION)
  const hash = heap().slice(hashAt, hashAt + hashLength)
  heap().fill(0, start, start + size)
  wasm.free(start)
  if (code !== 0) throw new RangeError(`argon2id: error ${code}`)
  return hash
}
