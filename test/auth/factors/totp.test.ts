import { expect, it } from 'vitest'

import { computeOtp, findStep, parseOtp } from '../../../src/auth/factors/totp.ts'
import { toBase32 } from '../../../src/auth/encoding.ts'

const SEED = new TextEncoder().encode('12345678901234567890')

it.each([
  [59, '94287082'],
  [1_111_111_109, '07081804'],
  [1_111_111_111, '14050471'],
  [1_234_567_890, '89005924'],
  [2_000_000_000, '69279037'],
  [20_000_000_000, '65353130'],
])(
  'at %i the code is that of its appendix B, shortened to 6 digits (RFC 6238)',
  async (time, code) => {
    expect(await computeOtp(SEED, Math.floor(time / 30))).toBe(code.slice(2))
  },
)

it('a seed is shown in base32 as authenticator apps read it (RFC 4648 6)', () => {
  expect(toBase32(SEED)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
})

it.each([
  [-90, false],
  [-46, false],
  [-45, true],
  [-15, true],
  [0, true],
  [14, true],
  [15, false],
  [90, false],
])(
  'in the middle of a step, the code of an app whose clock is %i seconds off is accepted: %s',
  async (seconds, isAccepted) => {
    const now = 1_800_000_015
    const otp = await computeOtp(SEED, Math.floor((now + seconds) / 30))
    const step = await findStep(SEED, otp, now)
    expect(step).toBe(isAccepted ? Math.floor((now + seconds) / 30) : undefined)
  },
)

it.each([
  ['123456', '123456'],
  ['123 456', '123456'],
  [' 123\t456\n', '123456'],
  ['12345', undefined],
  ['1234567', undefined],
  ['１２３４５６', undefined],
  ['12345a', undefined],
  ['', undefined],
])('of what a user types, %j, the code is %j', (typed, code) => {
  expect(parseOtp(typed)).toBe(code)
})
