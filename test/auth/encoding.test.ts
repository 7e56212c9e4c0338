import { expect, it } from 'vitest'

import { hashCode } from '../../src/auth/encoding.ts'

it.each([
  '0123-4567-8901-2345-6789-0123',
  '012345678901234567890123',
  ' O123 4567 89OI 2345 6789 OL23 ',
  'o123–4567–89o1–2345–6789–oi23',
])('the code %j has the hash that the database contains, however it is typed', async (code) => {
  const hash = 'bb9d88b612408d593e118c5086b5554e99fdd6785c4415fd837fe55be9624d3b'
  expect(await hashCode(code)).toBe(hash)
})
