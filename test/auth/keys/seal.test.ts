import { expect, it } from 'vitest'

import { toBase64 } from '../../../src/auth/encoding.ts'
import { openSeed, sealSeed } from '../../../src/auth/keys/seal.ts'
import { importKeyRing } from '../../../src/auth/keys/key-ring.ts'

const OLD = 'b7Qe2VnX0sKc5Rz8TgYw3Lp6DhJm9FaU'
const NEW = 'Zk4Wm8Rt1Xp7Vq0Ny5Bs3Gh6Jc9Ld2Fe'
const SEED = new TextEncoder().encode('12345678901234567890')

const ring = (current: string, previous = '') =>
  importKeyRing({ DATA_SECRET: current, DATA_SECRET_PREVIOUS: previous }, 'DATA_SECRET')

it('a sealed seed opens with the same key for the same user, and is never the same twice', async () => {
  const [one, two] = [
    await sealSeed(await ring(OLD), 7, SEED),
    await sealSeed(await ring(OLD), 7, SEED),
  ]
  expect(one).not.toBe(two)
  for (const sealed of [one, two]) expect(await openSeed(await ring(OLD), 7, sealed)).toEqual(SEED)
})

it('a seed that was sealed before a rotation opens after it, as long as the previous key is known', async () => {
  const sealed = await sealSeed(await ring(OLD), 7, SEED)
  expect(await openSeed(await ring(NEW, OLD), 7, sealed)).toEqual(SEED)
  await expect(openSeed(await ring(NEW), 7, sealed)).rejects.toMatchObject({ code: 'keys_invalid' })
})

it('a seed that was changed, shortened or moved to another user or key does not open (ASVS 11.3.2, 11.3.3)', async () => {
  const keys = await ring(NEW, OLD)
  const sealed = await sealSeed(await ring(OLD), 7, SEED)
  const [kid = '', text = ''] = sealed.split('.')
  const flip = (at: number) => {
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return `${kid}.${btoa(String.fromCharCode(...bytes))}`
  }
  const forgeries = [
    ...[0, 12, 31, 47].map(flip),
    `${kid}.${text.slice(0, -4)}`,
    `${kid}.${text}AAAA`,
    `${keys.current.kid}.${text}`,
    `${kid}.`,
    `${kid}.A`,
    `${kid}.${text?.slice(0, -1)}*`,
    `${kid}. ${text}`,
    kid,
    '',
  ]
  for (const forgery of forgeries)
    await expect(openSeed(keys, 7, forgery)).rejects.toMatchObject({ code: 'keys_invalid' })
  await expect(openSeed(keys, 8, sealed)).rejects.toMatchObject({ code: 'keys_invalid' })
  expect(await openSeed(keys, 7, sealed)).toEqual(SEED)
})

it('the error names the key, and neither the seed nor the secret', async () => {
  const sealed = await sealSeed(await ring(OLD), 7, SEED)
  const error = await openSeed(await ring(NEW), 7, sealed).catch((thrown: Error) => thrown)
  expect(String(error)).toMatch(/DATA_SECRET does not open a seed of key [0-9a-f]{16}$/)
  expect(String(error)).not.toContain(sealed.split('.')[1])
})

it('a seed that an earlier version has encrypted opens: the database contains them', async () => {
  const bytes =
    '4ac6d079f8941989692a1ae9a1525638b856ca76af2be599642830874002cffdd68692fad604b9afaeb0bf913a5a2947'
  const sealed = `ea12205f76eb3447.${toBase64(Uint8Array.fromHex(bytes))}`
  expect(await openSeed(await ring(OLD), 7, sealed)).toEqual(SEED)
})
