import { describe, expect, expectTypeOf, it } from 'vitest'

import { createClient } from '../../src/client/client.ts'
import { BASE, createLoggedInClient, setUpClientTests } from './network.ts'

setUpClientTests()

describe('the types of a client', () => {
  it('accept correct calls and describe their responses', async () => {
    const { api } = await createLoggedInClient()
    const body = await (await api.protected.$get()).json()
    expectTypeOf(body).toEqualTypeOf<{ message: string }>()
    expect(body.message).toBe('This is a protected route, and you are authenticated!')
    const me = await (await api.me.$get()).json()
    expectTypeOf(me).toEqualTypeOf<{
      username: string
      roles: readonly string[]
      auth_time: number
    }>()
    expect(me.username).toBe('cosmo')
    const page = await (await api.sessions.$get({ query: { limit: '5' } })).json()
    expectTypeOf(page.next).toEqualTypeOf<string | null>()
    const [session] = page.sessions
    const deleted = await api.sessions[':id'].$delete({ param: { id: session?.id ?? '' } })
    expect(deleted.status).toBe(200)
  })

  it('reject incorrect calls', () => {
    const { api, session } = createClient(BASE)
    const wrong = [
      // @ts-expect-error: no such route
      () => api.unprotected.$get(),
      // @ts-expect-error: another method
      () => api.protected.$post(),
      // @ts-expect-error: a field is missing
      () => api.me.password.$put({ json: { current_password: 'a' } }),
      // @ts-expect-error: a field of another type
      () => api.login.$post({ json: { username: 'a', password: 1 } }),
      // @ts-expect-error: no parameter
      () => api.sessions[':id'].$delete(),
      // @ts-expect-error: not a scope
      () => api.logout.$post({ query: { scope: 'everyone' } }),
      // @ts-expect-error: not a scope
      () => session.logout('everyone'),
      // @ts-expect-error: no password
      () => session.login({ username: 'cosmo' }),
      // @ts-expect-error: no such field
      async () => (await (await api.protected.$get()).json()).msg,
    ]
    expect(wrong).toHaveLength(9)
    type Login = Parameters<typeof api.login.$post>[0]['json']
    expectTypeOf<Login>().toEqualTypeOf<{
      username: string
      password: string
      otp?: string | undefined
      cookie?: boolean | undefined
    }>()
    type LoginResponse = Awaited<ReturnType<Awaited<ReturnType<typeof api.login.$post>>['json']>>
    expectTypeOf<LoginResponse['refresh_token']>().toEqualTypeOf<string | undefined>()
  })
})
