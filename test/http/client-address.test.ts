import { describe, expect, it } from 'vitest'

import { COSMO, addUser, fetchApp, getWithToken, logged } from '../helpers.ts'

const logIn = async (headers: Record<string, string>) => {
  const response = await fetchApp('/login', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(COSMO),
  })
  return response.json<{ access_token: string }>()
}

describe('each notation of an address is counted and logged as one address:', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:102:304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:0102:0304', '1.2.3.4'],
    ['::ffff:255.255.255.255', '255.255.255.255'],
    ['::ffff:0.0.0.1', '0.0.0.1'],
    ['::ffff:127.0.0.0', '127.0.0.0'],
    ['2001:DB8::1', '2001:db8:0:0::/64'],
    ['::1:ffff:1.2.3.4', '0:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('%s is %s', async (address, key) => {
    await addUser()
    await logIn({ 'CF-Connecting-IP': address })
    expect(JSON.parse(logged.at(-1) ?? '')).toMatchObject({ address: key })
  })
})

it.each([253, 254, 255])(
  'a user agent is never cut inside an emoji: after %i letters',
  async (length) => {
    await addUser()
    const agent = `${'x'.repeat(length)}${'\u{1f40b}'.repeat(2)}`
    const { access_token: token } = await logIn({ 'User-Agent': agent })
    const body = await (await getWithToken('/sessions', token)).json()
    const whole = length < 255 ? 1 : 0
    expect(body).toMatchObject({ sessions: [{ user_agent: agent.slice(0, length + 2 * whole) }] })
  },
)

it.each([
  [
    'Safari on an iPhone',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1',
  ],
  [
    'Edge on macOS',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36 Edg/144.0.0.0',
  ],
])(
  'the user agent of %s is stored as a whole, since it names the browser at its end',
  async (_, agent) => {
    await addUser()
    const { access_token: token } = await logIn({ 'User-Agent': agent })
    const body = await (await getWithToken('/sessions', token)).json()
    expect(body).toMatchObject({ sessions: [{ user_agent: agent }] })
  },
)
