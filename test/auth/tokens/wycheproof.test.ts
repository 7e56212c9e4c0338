import { beforeAll, describe, expect, it, vi } from 'vitest'

import { parseCompactJws } from '../../../src/auth/tokens/compact-jws.ts'
import { verifySignature } from '../../../src/auth/tokens/verify.ts'
import type { AppError } from '../../../src/errors.ts'
import { addUser, base64url, fetchApp } from '../../helpers.ts'
import wycheproof from '../../vectors/wycheproof_jws.json'
import { flipBit, type Genuine, seal, setUnusedBit, startGenuine, toLooseSegment } from './forge.ts'

const HS256_GROUPS = [0, 12, 16, 21]
/** Labelled invalid, although byte for byte the same as the valid vector 357. */
const DUPLICATES_OF_VALID = new Set([367, 370])
/** Labelled valid, although the `?` is not base64url (RFC 7515 2) and not covered by the MAC. */
const NOT_BASE64URL = new Set([372, 373])

const vectors = HS256_GROUPS.flatMap((index) => {
  const group = wycheproof.testGroups[index]
  return (group?.tests ?? []).map((test) => ({ ...test, jwk: group?.private as JsonWebKey }))
})
const checked = vectors
  .filter(({ tcId }) => !DUPLICATES_OF_VALID.has(tcId))
  .map((test) => ({ ...test, genuine: test.result === 'valid' && !NOT_BASE64URL.has(test.tcId) }))

describe('parseCompactJws and verifySignature agree with the HS256 vectors of Wycheproof:', () => {
  const { parse } = JSON
  const parseOrKeep = (text: string) => {
    try {
      return parse(text)
    } catch {
      return text // a SyntaxError
    }
  }

  /** Runs the guard's checks before the claims. Returns `accepted` or the code of the error. */
  async function runChecks(jws: string, jwk: JsonWebKey): Promise<string> {
    const hmac = { name: 'HMAC', hash: 'SHA-256' }
    const verifying = await crypto.subtle.importKey('jwk', jwk, hmac, false, ['verify'])
    // The vectors' payloads are not JSON, which hono/jwt requires before it checks the MAC.
    const lenient = vi.spyOn(JSON, 'parse').mockImplementation(parseOrKeep)
    try {
      parseCompactJws(jws)
      await verifySignature(jws, { alg: 'HS256', verifying })
      return 'accepted'
    } catch (error) {
      return (error as AppError).code
    } finally {
      lenient.mockRestore()
    }
  }

  it('of the 40 vectors, 38 are checked and 8 are genuine', () => {
    expect(vectors).toHaveLength(40)
    expect(checked).toHaveLength(38)
    expect(checked.filter(({ genuine }) => genuine)).toHaveLength(8)
  })

  it.each(checked)('vector $tcId $comment, genuine: $genuine', async ({ jws, jwk, genuine }) => {
    const code = await runChecks(String(jws), jwk)
    expect(code).toMatch(genuine ? /^accepted$/ : /^token_(malformed|invalid|signature)$/)
  })
})

/** The mutations named in the vectors' comments, applied to a genuine token with trailing spaces in its JSON. */
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
  // Named in the comments of vectors 367 and 370, which do not contain it.
  invalidBase64Padding: (segments) => `${segments.join('.')}=`,
  invalidBase64PaddingInPayload: ([h, p]) => seal(`${h}.${p}=`),
}

describe('the guard rejects every Wycheproof mutation of a genuine token over HTTP:', () => {
  let genuine: Genuine
  let base: Genuine['segments']
  beforeAll(async () => {
    await addUser()
    genuine = await startGenuine()
    const token = await seal([genuine.header, genuine.claims].map(toLooseSegment).join('.'))
    base = token.split('.') as Genuine['segments']
  })
  const requestWith = (token: string) =>
    fetchApp('/protected', { headers: { Authorization: `Bearer ${token}` } })

  it('each comment of a vector that is not genuine has a mutation', () => {
    const comments = vectors
      .filter((test) => !checked.some(({ tcId, genuine: ok }) => ok && tcId === test.tcId))
      .map(({ comment }) => comment)
    expect(Object.keys(MUTATIONS).toSorted()).toEqual([...new Set(comments)].toSorted())
  })

  it('the unmutated token is accepted, also with whitespace in its JSON header', async () => {
    expect((await requestWith(base.join('.'))).status).toBe(200)
    for (const whitespace of [' ', '\n\t']) {
      const header = JSON.stringify(genuine.header).replaceAll(/[{:,]/g, `$&${whitespace}`)
      expect((await requestWith(await seal(`${base64url(header)}.${base[1]}`))).status).toBe(200)
    }
  })

  it.each(Object.entries(MUTATIONS))('%s', async (_, mutate) => {
    const response = await requestWith(await mutate(base, genuine))
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ msg: expect.stringMatching(/^[A-Z][\w ':<>.]+$/) })
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer realm="latchkey"/)
  })
})
