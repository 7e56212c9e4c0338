import { readFileSync } from 'node:fs'

import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, it } from 'vitest'

import { FILE, renderApi } from '../../src/cli/openapi.ts'
import type { describeApi } from '../../src/contract/openapi.ts'
import { OPERATIONS } from '../../src/contract/operations.ts'

it('openapi.json is up to date with the schemas (if not: npm run openapi)', () => {
  const written: ReturnType<typeof describeApi> = JSON.parse(readFileSync(FILE, 'utf8'))
  // Your own routes need no description.
  for (const [path, methods] of Object.entries(written.paths)) {
    for (const method of Object.keys(methods))
      if (!OPERATIONS[`${method.toUpperCase()} ${path}`]) delete methods[method]
    if (Object.keys(methods).length === 0) delete written.paths[path]
  }
  expect(`${JSON.stringify(written, null, 2)}\n`).toBe(renderApi())
})

it('openapi.json is valid OpenAPI 3.1 by a published validator', async () => {
  const validator = new Validator()
  expect(await validator.validate(FILE)).toEqual({ valid: true })
  expect(validator.version).toBe('3.1')
})
