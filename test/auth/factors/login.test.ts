import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import {
  COSMO,
  addUser,
  fetchApp,
  getWithToken,
  logged,
  postJson,
  readSegment,
  startSession,
} from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'
import { beginEnrolment, enrol, type Enrolled, logIn, logInWith, showOtp } from './enrolled.ts'

let app: Enrolled
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(1_900_000_005_000) // the first seconds of a step
  await addUser()
  app = await enrol()
  pass(30)
})
afterEach(() => vi.useRealTimers())

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const textOf = async (response: Promise<Response>) => (await response).text()
const WRONG = '{"error":"Bad one-time code"}'
/** A code that is not valid now, nor in the seconds around. */
async function wrongOtp(): Promise<string> {
  const valid = await Promise.all(
    [-30, 0, 30].map((by) => showOtp(app.secret, Date.now() / 1000 + by)),
  )
  return ['000000', '111111', '222222', '333333'].find((otp) => !valid.includes(otp)) ?? ''
}
const countersOf = () =>
  env.DB.prepare('SELECT failures FROM login_failures ORDER BY failures DESC')
    .all<{ failures: number }>()
    .then(({ results }) => results.map(({ failures }) => failures))

describe('a user with a second factor', () => {
  it('is asked for a one-time code after the right password only (ASVS 6.3.3)', async () => {
    const response = await logIn()
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"error":"One-time code required"}')
    expect(response.headers.get('X-Error-Code')).toBe('otp_required')
    expect(response.headers.get('WWW-Authenticate')).toBe(
      'Bearer realm="latchkey", error="insufficient_user_authentication", acr_values="aal2"',
    )
    expect(await textOf(logIn({ password: 'wrong' }))).toBe('{"error":"Bad username or password"}')
  })

  it('logs in with the code of the app, and the tokens say so (RFC 8176 2, RFC 9068 2.2.1)', async () => {
    const response = await logIn({ otp: await showOtp(app.secret) })
    expect(response.status).toBe(200)
    const tokens = await response.json<Record<string, string>>()
    expect(Object.keys(tokens)).toEqual([
      'access_token',
      'token_type',
      'expires_in',
      'refresh_token',
      'refresh_expires_in',
    ])
    for (const token of [tokens.access_token, tokens.refresh_token])
      expect(readSegment(token ?? '', 1)).toMatchObject({ amr: ['pwd', 'otp'], acr: 'aal2' })
  })

  it('who repeats a refresh gets the same token with the same claims, bit for bit', async () => {
    const { refresh_token: token } = await logInWith(await showOtp(app.secret))
    const refresh = async () => {
      const headers = { Authorization: `Bearer ${token}` }
      return (await fetchApp('/refresh', { method: 'POST', headers })).json<
        Record<string, string>
      >()
    }
    const [one, two] = [await refresh(), await refresh()]
    expect(one.refresh_token).toBe(two.refresh_token)
    expect(readSegment(one.refresh_token ?? '', 1)).toMatchObject({ acr: 'aal2' })
  })
})

describe('a one-time code', () => {
  it('is accepted once, although it is shown for 30 seconds (ASVS 6.5.1)', async () => {
    const otp = await showOtp(app.secret)
    expect((await logIn({ otp })).status).toBe(200)
    expect(await textOf(logIn({ otp }))).toBe(WRONG)
  })

  it('sent by 20 at once lets one of them in (ASVS 6.5.1)', async () => {
    const otp = await showOtp(app.secret)
    const responses = await Promise.all(Array.from({ length: 20 }, () => logIn({ otp })))
    expect(
      responses
        .map(({ status }) => status)
        .toSorted()
        .slice(0, 2),
    ).toEqual([200, 401])
    const { results } = await env.DB.prepare('SELECT id FROM sessions WHERE aal = 2').all()
    expect(results).toHaveLength(2) // with the one that enrolled
  })

  it('of the step before is accepted, the one after next is not, and steps only grow (ASVS 6.5.5)', async () => {
    const at = Date.now() / 1000
    expect(await textOf(logIn({ otp: await showOtp(app.secret, at + 30) }))).toBe(WRONG)
    expect(await textOf(logIn({ otp: await showOtp(app.secret, at - 30) }))).toBe(WRONG) // used to enrol
    pass(30)
    expect((await logIn({ otp: await showOtp(app.secret, at) })).status).toBe(200)
    expect((await logIn({ otp: await showOtp(app.secret, at + 30) })).status).toBe(200)
    expect(await textOf(logIn({ otp: await showOtp(app.secret, at) }))).toBe(WRONG)
  })

  it('is not used up by a login with a wrong password', async () => {
    const otp = await showOtp(app.secret)
    expect((await logIn({ otp, password: 'wrong' })).status).toBe(401)
    expect((await logIn({ otp })).status).toBe(200)
  })

  it('that was used to enrol is not accepted for a login', async () => {
    pass(-30)
    expect(await textOf(logIn({ otp: await showOtp(app.secret) }))).toBe(WRONG)
  })
})

describe('wrong codes', () => {
  it('are counted like wrong passwords, and the right password between them clears none of them (ASVS 6.6.3)', async () => {
    for (let attempt = 0; attempt < 9; attempt += 1) {
      expect(await textOf(logIn({ otp: await wrongOtp() }))).toBe(WRONG)
      expect(await textOf(logIn())).toBe('{"error":"One-time code required"}')
    }
    expect(Math.max(...(await countersOf()))).toBe(9)
    expect((await logIn({ otp: await wrongOtp() })).status).toBe(401)
    expect((await logIn({ otp: await showOtp(app.secret) })).status).toBe(429)
  })

  it('are cleared by a login that is right in all parts', async () => {
    for (let attempt = 0; attempt < 5; attempt += 1) await logIn({ otp: await wrongOtp() })
    expect((await logIn({ otp: await showOtp(app.secret) })).status).toBe(200)
    const row = await env.DB.prepare('SELECT wrong_codes FROM factors').first()
    expect(row).toEqual({ wrong_codes: 0 })
    for (let attempt = 0; attempt < 9; attempt += 1)
      expect(await textOf(logIn({ otp: await wrongOtp() }))).toBe(WRONG)
  })

  it('do not make the device known: its own counter would let more of them pass', async () => {
    await env.DB.prepare('DELETE FROM known_devices').run()
    await logIn()
    await logIn({ otp: await wrongOtp() })
    await logIn({ otp: 'no-such-recovery-code' })
    const { results } = await env.DB.prepare('SELECT * FROM known_devices').all()
    expect(results).toEqual([])
  })

  it('100 in a row disable the factor and are logged; recovery codes still work (NIST SP 800-63B-4 3.2.2)', async () => {
    const forget = () => env.DB.prepare('DELETE FROM login_failures').run()
    for (let attempt = 0; attempt < 100; attempt += 1) {
      if (attempt % 5 === 0) await forget()
      expect(await textOf(logIn({ otp: await wrongOtp() }))).toBe(WRONG)
      expect(logged.some((line) => line.includes('factor.disabled'))).toBe(attempt === 99)
    }
    await forget()
    expect(await textOf(logIn({ otp: await showOtp(app.secret) }))).toBe(WRONG)
    expect(await textOf(logIn())).toBe('{"error":"One-time code required"}')
    expect((await logIn({ otp: app.codes[0] })).status).toBe(200)
    expect(logged.filter((line) => line.includes('factor.disabled'))).toHaveLength(1)
  })

  it.each(['', 'another key, of 32 bytes or more 0123'])(
    'a code that nobody can check, because DATA_SECRET is %j, gets 503 and counts nowhere',
    async (DATA_SECRET) => {
      const broken = createIsolate({ DATA_SECRET })
      const headers = { 'Content-Type': 'application/json' }
      for (let attempt = 0; attempt < 12; attempt += 1) {
        const body = JSON.stringify({ ...COSMO, otp: await showOtp(app.secret) })
        const response = await broken.fetch('/login', { method: 'POST', headers, body })
        expect(response.status).toBe(503)
      }
      expect(Math.max(...(await countersOf()))).toBe(0)
      const row = await env.DB.prepare('SELECT wrong_codes FROM factors').first()
      expect(row).toEqual({ wrong_codes: 0 })
      expect((await logIn({ otp: await showOtp(app.secret) })).status).toBe(200)
    },
  )

  it('a code with a wrong password counts nothing for the factor: strangers cannot disable it', async () => {
    for (let attempt = 0; attempt < 5; attempt += 1)
      await logIn({ password: 'wrong', otp: await wrongOtp() })
    expect(await env.DB.prepare('SELECT wrong_codes FROM factors').first()).toEqual({
      wrong_codes: 0,
    })
  })
})

describe('a recovery code', () => {
  it('works once, in any case and with any dashes, and the response says how many are left (ASVS 6.5.1)', async () => {
    const [first = '', second = ''] = app.codes
    const response = await logIn({ otp: first.toUpperCase().replaceAll('-', '') })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ recovery_codes_left: 9 })
    expect(await textOf(logIn({ otp: first }))).toBe(WRONG)
    const next = await logIn({ otp: ` ${second} ` })
    expect(await next.json()).toMatchObject({ recovery_codes_left: 8 })
  })

  it('sent by 20 at once lets one of them in', async () => {
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => logIn({ otp: app.codes[3] })),
    )
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('of another user does not work', async () => {
    const ada = { username: 'ada', password: 'the analytical engine' }
    await addUser(ada)
    const { codes } = await enrol(ada)
    expect(await textOf(logIn({ otp: codes[0] }))).toBe(WRONG)
    expect((await postJson('/login', { ...ada, otp: codes[0] })).status).toBe(200)
  })

  it('has 120 random bits and is stored as a hash (ASVS 6.5.2, 6.5.3, 6.5.4)', async () => {
    expect(app.codes).toHaveLength(10)
    expect(new Set(app.codes).size).toBe(10)
    for (const code of app.codes) {
      expect(code).toMatch(/^.{4}(-.{4}){5}$/)
      const letters = code.replaceAll('-', '')
      expect(letters).toMatch(/^[0-9a-hjkmnp-tv-z]{24}$/)
    }
    const dump = JSON.stringify(
      (await env.DB.prepare('SELECT * FROM recovery_codes').all()).results,
    )
    for (const code of app.codes) expect(dump).not.toContain(code.replaceAll('-', ''))
  })
})

describe('a code leaks nothing about a user', () => {
  it('who is not enrolled: with the right password it is ignored', async () => {
    const ada = { username: 'ada', password: 'the analytical engine' }
    await addUser(ada)
    expect((await postJson('/login', { ...ada, otp: '123456' })).status).toBe(200)
  })

  it('whose enrolment is unfinished: it does not count (ASVS 6.3.3)', async () => {
    const ada = { username: 'ada', password: 'the analytical engine' }
    await addUser(ada)
    await beginEnrolment((await startSession(ada)).access_token)
    expect((await postJson('/login', ada)).status).toBe(200)
  })
})

it('an access token of before an enrolment is rejected after it', async () => {
  const ada = { username: 'ada', password: 'the analytical engine' }
  await addUser(ada)
  const before = await startSession(ada)
  await enrol(ada)
  expect((await getWithToken('/protected', before.access_token)).status).toBe(401)
})
