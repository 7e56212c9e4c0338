import { afterEach, expect, it, vi } from 'vitest'

import { addUser, COSMO } from '../../helpers.ts'
import { createIsolate } from '../../isolates.ts'

/** As measured in the version before there were second factors. */
const BEFORE = { statements: 2, rowsRead: 36 }

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
