import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { draftEnvironment, replaceDatabaseId } from '../../../src/cli/cloudflare/wrangler-toml.ts'

const ID = '11111111-2222-3333-4444-555555555555'

describe('replaceDatabaseId changes only the line of the database id:', () => {
  it.each([
    [
      'in the placeholder',
      '[[d1_databases]]\nbinding = "DB"\ndatabase_id = "0" # ours\n',
      undefined,
      `[[d1_databases]]\nbinding = "DB"\ndatabase_id = "${ID}" # ours\n`,
    ],
    [
      'before the binding',
      "[[d1_databases]]\ndatabase_id='0'\nbinding = 'DB'\n",
      undefined,
      `[[d1_databases]]\ndatabase_id="${ID}"\nbinding = 'DB'\n`,
    ],
    [
      'when the line is missing',
      '[[d1_databases]]\nbinding = "DB"\n[vars]\n',
      undefined,
      `[[d1_databases]]\nbinding = "DB"\ndatabase_id = "${ID}"\n[vars]\n`,
    ],
    [
      'of the right binding',
      '[[d1_databases]]\nbinding = "LOG"\ndatabase_id = "1"\n[[d1_databases]]\nbinding = "DB"\ndatabase_id = "0"\n',
      undefined,
      `[[d1_databases]]\nbinding = "LOG"\ndatabase_id = "1"\n[[d1_databases]]\nbinding = "DB"\ndatabase_id = "${ID}"\n`,
    ],
    [
      'of the right environment',
      '[[d1_databases]]\nbinding = "DB"\ndatabase_id = "0"\n[[env.staging.d1_databases]]\nbinding = "DB"\ndatabase_id = "0"\n',
      'staging',
      `[[d1_databases]]\nbinding = "DB"\ndatabase_id = "0"\n[[env.staging.d1_databases]]\nbinding = "DB"\ndatabase_id = "${ID}"\n`,
    ],
    [
      'and nowhere else',
      '# database_id = "0"\n[vars]\ndatabase_id = "0"\n',
      undefined,
      '# database_id = "0"\n[vars]\ndatabase_id = "0"\n',
    ],
  ])('%s', (_, before, env, after) => {
    expect(replaceDatabaseId(before, env, ID)).toBe(after)
  })
})

it('draftEnvironment copies the top of wrangler.toml, with its own issuer, database and counters', () => {
  const draft = draftEnvironment(readFileSync('wrangler.toml', 'utf8'), 'staging')
  for (const line of [
    '[env.staging]\npreview_urls = false',
    '[env.staging.secrets]\nrequired = ["JWT_SECRET", "DATA_SECRET"]',
    '[env.staging.vars]\nJWT_ISSUER = "latchkey-staging"\nJWT_AUDIENCE = "latchkey-staging"',
    '[[env.staging.d1_databases]]\nbinding = "DB"\ndatabase_name = "latchkey-staging"\ndatabase_id = "00000000-0000-0000-0000-000000000000"',
    '[[env.staging.ratelimits]]\nname = "LOGIN_LIMITER"\nnamespace_id = "1002"',
    '[[env.staging.ratelimits]]\nname = "REFRESH_LIMITER"\nnamespace_id = "2002"',
  ])
    expect(draft).toContain(line)
  expect(draft).not.toMatch(/#|triggers|observability/)
})
