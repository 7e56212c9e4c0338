// argon2id for the command line: from node:crypto, since Node cannot import the Worker's WebAssembly module.

import { argon2Sync } from 'node:crypto'

import type { Argon2id } from '../../auth/passwords/hash.ts'

export const argon2id: Argon2id = (password, salt, { memoryKib, passes, lanes, hashLength }) =>
  argon2Sync('argon2id', {
    message: password,
    nonce: salt,
    memory: memoryKib,
    passes,
    parallelism: lanes,
    tagLength: hashLength,
  })
