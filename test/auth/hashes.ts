// Records the hashes that the Worker computes, at its call into WebAssembly. Import it before the first login.

import { vi } from 'vitest'

/** Memory in KiB of each computed hash. Empty it with `hashes.length = 0`. */
export const hashes: number[] = []

const { Instance } = WebAssembly
vi.spyOn(WebAssembly, 'Instance').mockImplementation(function (module) {
  const exports = new Instance(module).exports as Record<string, (...args: number[]) => number>
  const recorded = (...args: number[]) => {
    hashes.push(args[1] ?? 0)
    return exports.argon2_hash?.(...args) ?? -1
  }
  return { exports: { ...exports, argon2_hash: recorded } } as unknown as WebAssembly.Instance
})
