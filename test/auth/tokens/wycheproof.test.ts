import { beforeAll, describe, expect, it, vi } from 'vitest'

import { splitToken } from '../../../src/auth/tokens/compact-jws.ts'
import { verifySignature } from '../../../src/auth/tokens/verify.ts'
import type { AppError } from '../../../src/errors.ts'
import { addUser, base64url, fetchApp } from '../../helpers.ts'
import wycheproof from '../../vectors/wycheproof_jws.json'
import { flipBit, type Genuine, seal, setUnusedBit, startGenuine, toLooseSegment } from './forge.ts'

const HS256_GROUPS = [0, 12, 16, 21]
/** Called invalid, but byte for byte the valid vector 357: nothing could tell them apart. */
const SAME_AS_A_VALID_ONE = new Set([367, 370])
/** Called valid, but with a `?`, which is no base64url (RFC 7515 2) and which the MAC does not cover. */
const NO_BASE64URL = new Set([372, 373])

const vectors = HS256_GROUPS.flatMap((index) => {
  const group = wycheproof.testGroups[index]
  return (group?.tests ?? []).map((test) => ({ ...test, jwk: group?.private as JsonWebKey }))
})
const judged = vectors
  .filter(({ tcId }) => !SAME_AS_A_VALID_ONE.has(tcId))
  .map((test) => ({ ...test, genuine: test.result === 'valid' && !NO_BASE64URL.has(test.tcId) }))

describe("Wycheproof's HS256 vectors get the right answer from splitToken and verifySignature:", () => {
  const { parse } = JSON
  const parseOrKeep = (text: string) => {
    try {
      return parse(text)
    } catch {
      return text // a SyntaxError
    }
  }

  /** What the guard asks before it looks at claims: `taken`, or the code that refuses. */
  async function judge(jws: string, jwk: JsonWebKey): Promise<string> {
    const hmac = { name: 'HMAC', hash: 'SHA-256' }
    const verifying = await crypto.subtle.importKey('jwk', jwk, hmac, false, ['verify'])
    // The vectors' payloads are no JSON, which hono/jwt demands before it looks at the MAC.
    const lenient = vi.spyOn(JSON, 'parse').mockImplementation(parseOrKeep)
    try {
      splitToken(jws)
      await verifySignature(jws, { alg: 'HS256', verifying })
      return 'taken'
    } catch (error) {
      return (error as AppError).code
    } finally {
      lenient.mockRestore()
    }
  }

  it('all 40 are there, of which 38 are judged and 8 are genuine', () => {
    expect(vectors).toHaveLength(40)
    expect(judged).toHaveLength(38)
    expect(judged.filter(({ genuine }) => genuine)).toHaveLength(8)
  })

  it.each(judged)('$tcId $comment: $genuine', async ({ jws, jwk, genuine }) => {
    const code = await judge(String(jws), jwk)
    expect(code).toMatch(genuine ? /^taken$/ : /^token_(malformed|invalid|signature)$/)
  })
})

/** The same mutations by the vectors' comments, on a genuine token with spaces behind its JSON. */
type Mutate = (segments: Genuine['segments'], genuine: Genuine) => string | Promise<string>
const MUTATIONS: Record<string, Mutate> = {
  rejectsModifiedSignature: (segments) => flipBit(segments.join('.'), 2, 0),
  rejectsMissingSignature: ([h, p]) => `${h}.${p}.`,
  rejectsMissingSignatureAndSeparator: ([h, p]) => `${h}.${p}`,
  rejectsModifiedPayload: (segments) => flipBit(segments.join('.'), 1, 0),
  rejectsMissingPayload: ([h, , s]) => `${h}..${s}`,
  rejectsMissingPayloadAndSeparator: ([h, , s]) => `${h}.${s}`,
  rejectsModifiedHeader: ([, p, s], { header }) =>
    `${base64url(JSON.stringify({ ...header, kid: `X${String(header.kid).slice(1)}` }))}.${p}.${s}`,
  rejectsMissingHeader: ([, p, s]) => `.${p}.${s}`,
  rejectsMissingHeaderAndSeparator: ([, p, s]) => `${p}.${s}`,
  rejectsMissingHeaderAndSignature: ([, p]) => `.${p}.`,
  rejectsMissingHeaderSignatureAndSeparators: ([, p]) => p,
  rejectsEmptyString: () => '',
  rejectsExtraEmptyComponent: (segments) => `${segments.join('.')}.`,
  rejectsExtraComponent: (segments) => `${segments.join('.')}.foo`,
  rejectsNoneAlgorithmAndMissingSignature: ([, p], { header }) =>
    `${base64url(JSON.stringify({ ...header, alg: 'none' }))}.${p}.`,
  rejectsValidJsonSerialization: ([h, p, s]) =>
    JSON.stringify({ payload: p, signatures: [{ protected: h, header: {}, signature: s }] }),
  rejectsSpacesInMac: ([h, p, s]) => `${h}.${p}.    ${s}`,
  rejectsInvalidCharacterInsertedInMac: ([h, p, s]) => `${h}.${p}.?${s}`,
  rejects0ReplacedbyInvalidCharacter: ([h, p, s]) => `${h}.${p}.?${s.slice(1)}`,
  rejectsInvalidCharacters: ([h, p, s]) => `${h}.${p}.????${s.slice(4)}`,
  spacesInHeader: ([h, p]) => seal(`${h}    .${p}`),
  invalidCharactersInHeader: ([h, p]) => seal(`${h}####.${p}`),
  spacesInPayload: ([h, p]) => seal(`${h}.    ${p}`),
  invalidCharactersInPayload: ([h, p]) => seal(`${h}.####${p}`),
  InvalidCharacterInPayload: ([h, p]) => seal(`${h}.?${p}`),
  InvalidCharacterInsertedInHeader: ([h, p, s]) => `${h.slice(0, -1)}?${h.slice(-1)}.${p}.${s}`,
  InvalidCharacterInsertedInPayload: ([h, p, s]) => `${h}.${p}?.${s}`,
  ModifiedUnusedBitsInPayload: ([h, p]) => seal(`${h}.${setUnusedBit(p)}`),
  MacOfIncorrectlyEncodedMessage: ([h, p, s]) => `${h}.${setUnusedBit(p)}.${s}`,
  // What these two name, and the vectors themselves lack.
  invalidBase64Padding: (segments) => `${segments.join('.')}=`,
  invalidBase64PaddingInPayload: ([h, p]) => seal(`${h}.${p}=`),
}

describe("Wycheproof's mutations of a genuine token are refused over HTTP:", () => {
  let genuine: Genuine
  let base: Genuine['segments']
  beforeAll(async () => {
    await addUser()
    genuine = await startGenuine()
    const token = await seal([genuine.header, genuine.claims].map(toLooseSegment).join('.'))
    base = token.split('.') as Genuine['segments']
  })
  const ask = (token: string) =>
    fetchApp('/protected', { headers: { Authorization: `Bearer ${token}` } })

  it('there is one for each comment of a vector that is not genuine', () => {
    const comments = vectors
      .filter((test) => !judged.some(({ tcId, genuine: ok }) => ok && tcId === test.tcId))
      .map(({ comment }) => comment)
    expect(Object.keys(MUTATIONS).toSorted()).toEqual([...new Set(comments)].toSorted())
  })

  it('unchanged, it passes, as with white space in its JSON header', async () => {
    expect((await ask(base.join('.'))).status).toBe(200)
    for (const white of [' ', '\n\t']) {
      const header = JSON.stringify(genuine.header).replaceAll(/[{:,]/g, `$&${white}`)
      expect((await ask(await seal(`${base64url(header)}.${base[1]}`))).status).toBe(200)
    }
  })

  it.each(Object.entries(MUTATIONS))('%s', async (_, mutate) => {
    const response = await ask(await mutate(base, genuine))
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ msg: expect.stringMatching(/^[A-Z][\w ':<>.]+$/) })
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer realm="latchkey"/)
  })
})
