import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import {
  beginEnrolment,
  enrol,
  type Enrolled,
  forgetFactor,
  logIn,
  send,
  showOtp,
} from '../auth/factors/enrolled.ts'
import {
  COSMO,
  addUser,
  getWithToken,
  logged,
  now,
  postJson,
  readSegment,
  startSession,
} from '../helpers.ts'
import { createIsolate } from '../isolates.ts'
import { ADMIN_ROUTES } from './admin-routes.ts'

const ROOT = { username: 'root', password: 'the root of the tree' }
const ADA = { username: 'ada', password: 'the analytical engine' }

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(1_900_000_005_000)
  await addUser()
})
afterEach(() => vi.useRealTimers())

const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const events = () => logged.map((line) => JSON.parse(line).event)
const statusOf = async (response: Promise<Response>) => (await response).status
const countRows = (table: string) => env.DB.prepare(`SELECT count(*) AS n FROM ${table}`).first('n')

describe('an enrolment', () => {
  it('returns the seed once, and counts when a code of the app was right', async () => {
    const { access_token: token } = await startSession()
    const created = await send('POST', '/me/factors', token, {
      factor_type: 'totp',
      friendly_name: 'my phone',
    })
    expect(created.status).toBe(201)
    const { id, totp, ...rest } = await created.json<{
      id: string
      totp: { secret: string; uri: string }
    }>()
    expect(rest).toEqual({ type: 'totp', friendly_name: 'my phone' })
    expect(totp.secret).toMatch(/^[A-Z2-7]{32}$/)
    expect(totp.uri).toBe(`otpauth://totp/latchkey:cosmo?secret=${totp.secret}&issuer=latchkey`)
    const list = async () => (await getWithToken('/me/factors', token)).json()
    const entry = { id, type: 'totp', friendly_name: 'my phone', created_at: now() }
    expect(await list()).toEqual({ factors: [{ ...entry, status: 'unverified' }] })
    expect(await statusOf(logIn())).toBe(200)

    const otp = await showOtp(totp.secret)
    const verified = await send('POST', `/me/factors/${id}/verify`, token, { otp })
    expect(verified.status).toBe(200)
    const { recovery_codes: codes } = await verified.json<{ recovery_codes: string[] }>()
    expect(codes).toHaveLength(10)
    expect(await list()).toEqual({ factors: [{ ...entry, status: 'verified' }] })
    expect(await statusOf(logIn())).toBe(401)
    expect(events()).toContain('factor.added')
  })

  it('makes its own session one with a second factor, and revokes the others', async () => {
    const elsewhere = createIsolate()
    const other = await startSession()
    const { tokens } = await enrol()
    expect(await statusOf(getWithToken('/protected', other.access_token))).toBe(401)
    pass(5)
    expect(await statusOf(elsewhere.get('/protected', other.access_token))).toBe(401)
    expect(await statusOf(elsewhere.post('/refresh', other.refresh_token))).toBe(401)
    const refreshed = await elsewhere.post('/refresh', tokens.refresh_token)
    const { access_token: token } = await refreshed.json<{ access_token: string }>()
    expect(await statusOf(getWithToken('/me/recovery-codes', token))).toBe(200)
  })

  it('with a wrong code gets 400 and stays unfinished', async () => {
    const { access_token: token } = await startSession()
    const { id } = await beginEnrolment(token)
    for (const otp of ['12345', 'abcdefghi', '１２３４５６']) {
      const response = await send('POST', `/me/factors/${id}/verify`, token, { otp })
      expect(response.status).toBe(400)
      expect(await response.text()).toBe('{"error":{"otp":["Not a valid code."]}}')
      expect(response.headers.get('X-Error-Code')).toBe('code_invalid')
    }
    expect(await statusOf(logIn())).toBe(200)
  })

  it('that begins again replaces the unfinished one, whose codes are then worth nothing', async () => {
    const { access_token: token } = await startSession()
    const first = await beginEnrolment(token)
    const second = await beginEnrolment(token)
    const otp = await showOtp(first.totp.secret)
    expect(await statusOf(send('POST', `/me/factors/${first.id}/verify`, token, { otp }))).toBe(404)
    expect(await countRows('factors')).toBe(1)
    const right = { otp: await showOtp(second.totp.secret) }
    expect(await statusOf(send('POST', `/me/factors/${second.id}/verify`, token, right))).toBe(200)
  })

  it('that is completed by two requests at once is completed once, and its codes work', async () => {
    const { access_token: token } = await startSession()
    const { id, totp } = await beginEnrolment(token)
    const body = { otp: await showOtp(totp.secret) }
    const verify = () => send('POST', `/me/factors/${id}/verify`, token, body)
    const responses = await Promise.all([verify(), verify(), verify()])
    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 404, 404])
    const winner = responses.find(({ status }) => status === 200)
    const { recovery_codes: codes = [] } =
      (await winner?.json<{ recovery_codes: string[] }>()) ?? {}
    expect(await countRows('recovery_codes')).toBe(10)
    expect(await statusOf(logIn({ otp: codes[0] }))).toBe(200)
  })

  it('of an eleventh factor is refused', async () => {
    const { tokens } = await enrol()
    await env.DB.prepare(
      `INSERT INTO factors (id, user_id, friendly_name, sealed_seed, created_at, verified_at)
       SELECT value, user_id, value, sealed_seed, 1, 1 FROM factors, json_each('[1,2,3,4,5,6,7,8,9]')`,
    ).run()
    const body = { factor_type: 'totp', friendly_name: 'x' }
    const response = await send('POST', '/me/factors', tokens.access_token, body)
    expect(response.status).toBe(409)
    expect(response.headers.get('X-Error-Code')).toBe('too_many_factors')
  })

  it.each([
    [{ factor_type: 'phone', friendly_name: 'x' }, 'factor_type'],
    [{ factor_type: 'totp', friendly_name: '' }, 'friendly_name'],
    [{ factor_type: 'totp', friendly_name: 'x'.repeat(65) }, 'friendly_name'],
    [{ factor_type: 'totp' }, 'friendly_name'],
    // What a terminal would obey, and what nobody would see.
    ...[
      '\u001B[2J',
      'a\nb',
      'a\u0085',
      'a\u2028b',
      'a\u202Eb',
      'a\u2067b',
      ' ',
      '\u200B',
      '\u3164',
    ].map((friendly_name): [object, string] => [
      { factor_type: 'totp', friendly_name },
      'friendly_name',
    ]),
  ])('with the body %j is a 400', async (body, field) => {
    const { access_token: token } = await startSession()
    const response = await send('POST', '/me/factors', token, body)
    expect(response.status).toBe(400)
    expect(await response.json()).toHaveProperty(`error.${field}`)
  })

  it.each(["Ada's “iPhone” 15", '👩‍💻 ❤️', ' Téléphone ', '携帯', '"quoted" \\'])(
    'adds an app with the name %s',
    async (friendly_name) => {
      const { access_token: token } = await startSession()
      const body = { factor_type: 'totp', friendly_name }
      const response = await send('POST', '/me/factors', token, body)
      expect(response.status).toBe(201)
      expect(await response.json()).toMatchObject({ friendly_name })
    },
  )

  it('is refused with 401 if its session is revoked while the seed is encrypted', async () => {
    const { access_token: token } = await startSession()
    const isolate = createIsolate()
    isolate.beforeStatement = async (number) => {
      if (number === 3) await env.DB.prepare('UPDATE sessions SET revoked_at = 1').run()
    }
    const response = await isolate.fetch('/me/factors', {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: '{"factor_type":"totp","friendly_name":"x"}',
    })
    expect(isolate.statements).toBe(4)
    expect(response.status).toBe(401)
    expect(await countRows('factors')).toBe(0)
  })

  it('needs a login in the last 15 minutes', async () => {
    const { access_token: token } = await startSession()
    pass(901)
    const response = await send('POST', '/me/factors', token, {
      factor_type: 'totp',
      friendly_name: 'x',
    })
    expect(response.status).toBe(401)
  })

  it('of another user is not found', async () => {
    await addUser(ADA)
    const { id, totp } = await beginEnrolment((await startSession(ADA)).access_token)
    const { access_token: token } = await startSession()
    const body = { otp: await showOtp(totp.secret) }
    expect(await statusOf(send('POST', `/me/factors/${id}/verify`, token, body))).toBe(404)
    expect(await countRows('factors')).toBe(1)
  })
})

describe('the second factor of an enrolled user', () => {
  let app: Enrolled
  beforeEach(async () => {
    app = await enrol()
  })

  it('cannot be seen, removed or joined by another by a session that has not shown it', async () => {
    await forgetFactor()
    const { access_token: token } = app.tokens
    const { id } = app
    for (const response of [
      await getWithToken('/me/factors', token),
      await send('POST', '/me/factors', token, { factor_type: 'totp', friendly_name: 'x' }),
      await send('DELETE', `/me/factors/${id}`, token),
      await send('POST', `/me/factors/${id}/verify`, token, { otp: '123456' }),
      await send('POST', '/me/recovery-codes', token),
      await getWithToken('/me/recovery-codes', token),
    ]) {
      expect(response.status).toBe(401)
      expect(await response.text()).toBe('{"msg":"Second factor required"}')
      expect(response.headers.get('WWW-Authenticate')).toBe(
        'Bearer realm="latchkey", error="insufficient_user_authentication", error_description="Second factor required", acr_values="aal2"',
      )
    }
    expect(await countRows('factors')).toBe(1)
    expect(await countRows('recovery_codes')).toBe(10)
  })

  it('is not in the way of a password change, which keeps the second factor of the session', async () => {
    const change = { current_password: COSMO.password, new_password: 'a dog in a rocket, barking' }
    const response = await send('PUT', '/me/password', app.tokens.access_token, change)
    const { access_token: token } = await response.json<{ access_token: string }>()
    expect(await statusOf(getWithToken('/me/recovery-codes', token))).toBe(200)
  })

  it('is needed again to change the password later: the new session would be fresh without a code', async () => {
    const { sid } = readSegment(app.tokens.access_token, 1)
    const age = 'UPDATE sessions SET created_at = created_at - 901 WHERE id = ?1'
    await env.DB.prepare(age).bind(sid).run()
    const change = { current_password: COSMO.password, new_password: 'a dog in a rocket, barking' }
    const response = await send('PUT', '/me/password', app.tokens.access_token, change)
    expect(response.status).toBe(401)
    expect(response.headers.get('X-Error-Code')).toBe('token_not_fresh')
    expect(response.headers.get('WWW-Authenticate')).toContain('max_age="900"')
    const failures = 'SELECT max(failures) AS n FROM login_failures'
    expect(await env.DB.prepare(failures).first('n')).toBe(0) // the password was right
  })

  it('leaves no session that counts as having one when the last is removed (MFA still applies)', async () => {
    await send('DELETE', `/me/factors/${app.id}`, app.tokens.access_token)
    const rows = await env.DB.prepare('SELECT max(aal) AS aal FROM sessions').first('aal')
    expect(rows).toBe(1)
  })

  /** Adds a second app of the same user, and returns its seed. */
  async function addTablet() {
    const { access_token: token } = app.tokens
    const { id, totp } = await beginEnrolment(token, 'tablet')
    const body = { otp: await showOtp(totp.secret) }
    await send('POST', `/me/factors/${id}/verify`, token, body)
    return totp
  }

  it('is not disabled by wrong codes with a right one between them, whichever app that was of', async () => {
    await addTablet()
    await env.DB.prepare('UPDATE factors SET wrong_codes = 99').run()
    pass(30)
    expect(await statusOf(logIn({ otp: await showOtp(app.secret) }))).toBe(200)
    const wrong = await env.DB.prepare('SELECT max(wrong_codes) AS n FROM factors').first('n')
    expect(wrong).toBe(0)
  })

  it('works beside another app whose seed cannot be decrypted, and wrong codes are counted all the same', async () => {
    const totp = await addTablet()
    const broken = "UPDATE factors SET sealed_seed = '0123456789abcdef.AAAA' WHERE id = ?1"
    await env.DB.prepare(broken).bind(app.id).run()
    pass(30)
    const wrong = await logIn({ otp: '000000' })
    expect(wrong.status).toBe(503)
    expect(await env.DB.prepare('SELECT min(wrong_codes) AS n FROM factors').first('n')).toBe(1)
    expect(await statusOf(logIn({ otp: await showOtp(totp.secret) }))).toBe(200)
    await env.DB.prepare('UPDATE factors SET wrong_codes = 99').run()
    expect(await statusOf(logIn({ otp: '000000' }))).toBe(401)
    expect(logged.at(-1)).toContain('"event":"factor.disabled"')
  })

  it('cannot make its user write to the database without a limit', async () => {
    const limited = createIsolate({ REFRESH_LIMITER: { limit: async () => ({ success: false }) } })
    const { access_token: token } = app.tokens
    for (const [method, path] of [
      ['POST', '/me/factors'],
      ['POST', '/me/recovery-codes'],
      ['POST', `/me/factors/${app.id}/verify`],
      ['DELETE', `/me/factors/${app.id}`],
    ] as const) {
      const headers = { Authorization: `Bearer ${token}` }
      expect((await limited.fetch(path, { method, headers })).status).toBe(429)
    }
  })

  it('is required to change the password: a session without it changes nothing', async () => {
    await forgetFactor()
    const change = { current_password: COSMO.password, new_password: 'a dog in a rocket, barking' }
    expect(await statusOf(send('PUT', '/me/password', app.tokens.access_token, change))).toBe(401)
    expect(await (await logIn()).text()).toBe('{"error":"One-time code required"}')
  })

  it('can be joined by a second one, and either works; the recovery codes are new', async () => {
    const { access_token: token } = app.tokens
    const { id, totp } = await beginEnrolment(token, 'tablet')
    const body = { otp: await showOtp(totp.secret) }
    const verified = await send('POST', `/me/factors/${id}/verify`, token, body)
    const { recovery_codes: codes } = await verified.json<{ recovery_codes: string[] }>()
    pass(30)
    expect(await statusOf(logIn({ otp: await showOtp(totp.secret) }))).toBe(200)
    expect(await statusOf(logIn({ otp: await showOtp(app.secret) }))).toBe(200)
    expect(await statusOf(logIn({ otp: app.codes[0] }))).toBe(401)
    expect(await statusOf(logIn({ otp: codes[0] }))).toBe(200)
  })

  it('of another user cannot be removed', async () => {
    await addUser(ADA)
    const other = await enrol(ADA)
    const { access_token: token } = app.tokens
    expect(await statusOf(send('DELETE', `/me/factors/${other.id}`, token))).toBe(404)
    expect(await countRows('factors')).toBe(2)
  })

  it('has no new recovery codes, nor an event of them, if it is removed meanwhile', async () => {
    const slow = createIsolate()
    slow.beforeStatement = async (number) => {
      if (number === 2) await send('DELETE', `/me/factors/${app.id}`, app.tokens.access_token)
    }
    expect((await slow.post('/me/recovery-codes', app.tokens.access_token)).status).toBe(404)
    expect(slow.statements).toBe(2)
    expect(await countRows('recovery_codes')).toBe(0)
    const recorded = "SELECT count(*) AS n FROM events WHERE event = 'recovery_codes.created'"
    expect(await env.DB.prepare(recorded).first('n')).toBe(0)
  })

  it('takes the recovery codes with it when the last one is removed', async () => {
    const { access_token: token } = app.tokens
    const { id } = await beginEnrolment(token, 'tablet')
    expect(await statusOf(send('DELETE', `/me/factors/${id}`, token))).toBe(200)
    expect(await countRows('recovery_codes')).toBe(10)
    expect(await statusOf(send('DELETE', `/me/factors/${app.id}`, token))).toBe(200)
    expect(await countRows('recovery_codes')).toBe(0)
    expect(await statusOf(logIn())).toBe(200)
    expect(await statusOf(send('POST', '/me/recovery-codes', token))).toBe(401)
    expect(events()).toContain('factor.removed')
  })

  it('has recovery codes that can be counted and replaced', async () => {
    const refreshed = await createIsolate().post('/refresh', app.tokens.refresh_token)
    const { access_token: token } = await refreshed.json<{ access_token: string }>()
    await logIn({ otp: app.codes[0] })
    const count = async () => (await getWithToken('/me/recovery-codes', token)).json()
    expect(await count()).toEqual({ total: 10, remaining: 9 })
    const response = await send('POST', '/me/recovery-codes', token)
    expect(response.status).toBe(201)
    const recorded = "SELECT count(*) AS n FROM events WHERE event = 'recovery_codes.created'"
    expect(await env.DB.prepare(recorded).first('n')).toBe(1)
    const { codes } = await response.json<{ codes: string[] }>()
    expect(await count()).toEqual({ total: 10, remaining: 10 })
    expect(await statusOf(logIn({ otp: app.codes[1] }))).toBe(401)
    expect(await statusOf(logIn({ otp: codes[1] }))).toBe(200)
  })

  it('is removed with its user, and a new user of the same name has none', async () => {
    await env.DB.prepare("DELETE FROM users WHERE username = 'cosmo'").run()
    expect([await countRows('factors'), await countRows('recovery_codes')]).toEqual([0, 0])
    await addUser()
    expect(await statusOf(logIn())).toBe(200)
  })
})

describe('an admin', () => {
  let token: string
  beforeEach(async () => {
    await addUser(ROOT, ['admin'])
    token = (await startSession(ROOT)).access_token
  })

  it('removes the second factors of a user, whose sessions are revoked (ASVS 6.4.4)', async () => {
    const app = await enrol()
    const response = await send('DELETE', '/users/cosmo/factors', token)
    expect(response.status).toBe(200)
    expect([await countRows('factors'), await countRows('recovery_codes')]).toEqual([0, 0])
    expect(await statusOf(getWithToken('/protected', app.tokens.access_token))).toBe(401)
    expect(await statusOf(logIn())).toBe(200)
    expect(events()).toContain('factor.removed')
    expect(await statusOf(send('DELETE', '/users/nobody/factors', token))).toBe(404)
  })

  it('who has lost that role meanwhile, or shown no second factor of theirs, removes nothing', async () => {
    await enrol()
    await env.DB.prepare(`UPDATE users SET roles = '[]' WHERE username = 'root'`).run()
    expect(await statusOf(send('DELETE', '/users/cosmo/factors', token))).toBe(403)
    await env.DB.prepare(`UPDATE users SET roles = '["admin"]' WHERE username = 'root'`).run()
    const own = await enrol(ROOT)
    await forgetFactor()
    for (const username of ['cosmo', 'root'])
      expect(
        await statusOf(send('DELETE', `/users/${username}/factors`, own.tokens.access_token)),
      ).toBe(401)
    expect(await countRows('factors')).toBe(2)
  })

  it('cannot get around a second factor with a reset code, nor can its user (ASVS 6.4.3, 6.4.4)', async () => {
    await enrol()
    const created = await send('POST', '/users/cosmo/reset-code', token)
    const { code } = await created.json<{ code: string }>()
    const password = 'a dog in a rocket, barking'
    expect(await statusOf(postJson('/reset-password', { code, new_password: password }))).toBe(200)
    expect(await (await logIn({ password })).text()).toBe('{"error":"One-time code required"}')
    expect(await countRows('factors')).toBe(1)
  })
})

describe('MFA', () => {
  const logInAt = async (isolate: ReturnType<typeof createIsolate>, credentials: object) => {
    const headers = { 'Content-Type': 'application/json' }
    const body = JSON.stringify(credentials)
    const response = await isolate.fetch('/login', { method: 'POST', headers, body })
    return response.json<{ access_token: string; refresh_token: string }>()
  }
  const sendAt = (
    isolate: ReturnType<typeof createIsolate>,
    method: string,
    path: string,
    token: string,
    body?: object,
  ) =>
    isolate.fetch(path, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })

  it('= "admins": an admin without a factor reaches nothing of /users and of your routes, but can enrol (ASVS 6.3.3)', async () => {
    await addUser(ROOT, ['admin'])
    const isolate = createIsolate({ MFA: 'admins' })
    const { access_token: token, refresh_token: refresh } = await logInAt(isolate, ROOT)
    const own: typeof ADMIN_ROUTES = [
      ['GET', '/protected'],
      ['GET', '/sessions'],
    ]
    for (const [method, path, body] of [...ADMIN_ROUTES, ...own]) {
      const response = await sendAt(isolate, method, path, token, body)
      expect([path, response.status]).toEqual([path, 401])
      expect(response.headers.get('X-Error-Code')).toBe('factor_required')
    }
    expect(await statusOf(isolate.get('/me', token))).toBe(200)
    expect(await statusOf(isolate.get('/me/factors', token))).toBe(200)
    const factor = { factor_type: 'totp', friendly_name: 'phone' }
    const created = await sendAt(isolate, 'POST', '/me/factors', token, factor)
    const { id, totp } = await created.json<{ id: string; totp: { secret: string } }>()
    const otp = await showOtp(totp.secret)
    const verified = await sendAt(isolate, 'POST', `/me/factors/${id}/verify`, token, { otp })
    expect(verified.status).toBe(200)
    const { access_token: renewed } = await (
      await isolate.post('/refresh', refresh)
    ).json<{ access_token: string }>()
    for (const path of ['/users', '/protected'])
      expect(await statusOf(isolate.get(path, renewed))).toBe(200)
  })

  it('= "admins" requires nothing of other users, and "optional" nothing of admins', async () => {
    await addUser(ROOT, ['admin'])
    const strict = createIsolate({ MFA: 'admins' })
    const user = await logInAt(strict, COSMO)
    expect(await statusOf(strict.get('/protected', user.access_token))).toBe(200)
    const isolate = createIsolate({ MFA: 'optional' })
    const admin = await logInAt(isolate, ROOT)
    expect(await statusOf(isolate.get('/users', admin.access_token))).toBe(200)
  })

  it('= "all": a user without a factor can refresh and log out, and applies to sessions of before', async () => {
    const { access_token: before } = await startSession()
    const isolate = createIsolate({ MFA: 'all' })
    expect(await statusOf(isolate.get('/protected', before))).toBe(401)
    const { refresh_token: refresh } = await logInAt(isolate, COSMO)
    const { access_token: token } = await (
      await isolate.post('/refresh', refresh)
    ).json<{ access_token: string }>()
    expect(await statusOf(isolate.get('/protected', token))).toBe(401)
    expect(await statusOf(isolate.post('/logout', token))).toBe(200)
  })

  it('has three values', async () => {
    const response = await createIsolate({ MFA: 'yes' }).get('/protected', 'x.y.z')
    expect(response.status).toBe(503)
    expect(logged.join()).toContain('MFA must be optional, admins or all, not')
  })
})

describe('without a DATA_SECRET', () => {
  it('the routes of factors are a 503, and the log says what to type; a login without a factor works', async () => {
    const isolate = createIsolate({ DATA_SECRET: '' })
    const { access_token: token } = await startSession()
    const response = await isolate.fetch('/me/factors', {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ factor_type: 'totp', friendly_name: 'phone' }),
    })
    expect(response.status).toBe(503)
    expect(logged.join()).toContain(
      `DATA_SECRET is not set: 'npm run keys -- generate' creates one`,
    )
    expect(await countRows('factors')).toBe(0)
  })

  it('a code is a 503 and a recovery code still works', async () => {
    const app = await enrol()
    const isolate = createIsolate({ DATA_SECRET: '' })
    const login = (otp?: string) =>
      isolate.fetch('/login', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ ...COSMO, otp }),
      })
    expect(await statusOf(login('123456'))).toBe(503)
    expect(await statusOf(login(app.codes[0]))).toBe(200)
  })
})
