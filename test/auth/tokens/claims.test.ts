import { expect, it } from 'vitest'
import * as z from 'zod/mini'

import { parseClaims } from '../../../src/auth/tokens/claims.ts'

const text = z.string()
const filled = z.string().check(z.minLength(1))
const time = z.int()
const common = {
  iss: text,
  aud: text,
  sub: filled,
  sid: filled,
  auth_time: time,
  iat: time,
  nbf: z.optional(time),
  exp: time,
  amr: z.optional(z.array(text)),
  acr: z.optional(text),
}
/** What claims are: the specification that the Worker's own, faster parser is compared with. */
const ClaimsSchema = z.discriminatedUnion('type', [
  z.object({ ...common, type: z.literal('access'), jti: filled, roles: z.array(text) }),
  z.object({
    ...common,
    type: z.literal('refresh'),
    jti: z.string().check(z.regex(/^[\w-]+\.\d{1,9}$/)),
  }),
])

/** A random number generator that repeats (mulberry32). */
function createRandom(seed: number) {
  let state = seed
  return (below: number) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const TEXTS = ['', 'a', 'cosmo', 's.1', 's.', '.1', 's.1234567890', 's.1.2', 's.1\n', 'é', '\uFFFD']
const NUMBERS = [0, -0, 1, -1, 1.5, 1e15, 2 ** 53 - 1, 2 ** 53, Infinity, NaN]
const OTHERS = [null, undefined, true, false, [], {}, ['a'], ['a', 1], [null], [[]], 'access']
const VALID: Record<string, unknown[]> = {
  iss: ['latchkey', ''],
  aud: ['latchkey', 'latchkey/refresh'],
  sub: ['cosmo', 'ß'],
  sid: ['s'],
  auth_time: [1_800_000_000],
  iat: [1_800_000_000, 0],
  nbf: [1_800_000_000, undefined],
  exp: [1_800_000_900],
  amr: [['pwd', 'otp'], ['pwd'], undefined],
  acr: ['aal1', undefined],
  type: ['access', 'refresh'],
  jti: ['s.0', 'x-_9.999999999'],
  roles: [[], ['admin'], ['a', '']],
}
const UNKNOWN = ['extra', '__proto__', 'constructor', 'toString', 'Type']

function createPayload(random: (below: number) => number): unknown {
  const pick = (list: readonly unknown[]) => list[random(list.length)]
  if (random(200) === 0) return pick([...OTHERS, ...NUMBERS, ...TEXTS])
  const entries = Object.entries(VALID).map(([name, values]): [string, unknown] => [
    name,
    random(12) === 0 ? pick([...TEXTS, ...NUMBERS, ...OTHERS]) : pick(values),
  ])
  const kept = entries.filter(() => random(80) > 0)
  if (random(3) === 0) kept.push([String(pick(UNKNOWN)), pick([...TEXTS, ...OTHERS])])
  // Through JSON, as every payload: `__proto__` becomes a property like any other.
  return JSON.parse(JSON.stringify(Object.fromEntries(kept)) ?? 'null')
}

it('parseClaims accepts exactly what the schema of the claims accepts, with the same result, for 100,000 generated payloads', () => {
  const random = createRandom(20)
  const accepted = { access: 0, refresh: 0, no: 0 }
  const differences: unknown[] = []
  for (let count = 0; count < 100_000; count += 1) {
    const payload = createPayload(random)
    const { data: expected } = ClaimsSchema.safeParse(payload)
    const claims = parseClaims(payload)
    if (toText(claims) !== toText(expected)) differences.push({ payload, claims, expected })
    accepted[claims?.type ?? 'no'] += 1
  }
  expect(differences).toEqual([])
  // Each outcome often enough to mean something.
  for (const times of Object.values(accepted)) expect(times).toBeGreaterThan(5000)
})

/** JSON, with properties in order, without those that are undefined. */
const toText = (claims: object | undefined) =>
  claims &&
  JSON.stringify(
    Object.entries(claims)
      .filter(([, value]) => value !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )

it('parseClaims returns claims that no request can change for later ones, their lists included', () => {
  const payload = Object.fromEntries(Object.entries(VALID).map(([name, [value]]) => [name, value]))
  const claims = Object(parseClaims(payload))
  expect(claims.amr).toEqual(['pwd', 'otp'])
  for (const frozen of [claims, claims.amr, claims.roles])
    expect(Object.isFrozen(frozen)).toBe(true)
})
