import { afterEach, expect, it, vi } from 'vitest'

import { addUser, COSMO } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

/** As measured before there were second factors, 36 rows; two are for the event of a login, five for its limits. */
const BEFORE = { statements: 2, rowsRead: 43 }

afterEach(() => vi.useRealTimers())

it('a login without a factor makes the round trips and reads the rows that it did before there were factors', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  await addUser()
  const isolate = createIsolate()
  const login = () =>
    isolate.fetch('/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(COSMO),
    })
  await login() // the first login from a device
  Object.assign(isolate, { statements: 0, rowsRead: 0 })
  expect((await login()).status).toBe(200)
  const { statements, rowsRead } = isolate
  expect({ statements, rowsRead }).toEqual(BEFORE)
})
