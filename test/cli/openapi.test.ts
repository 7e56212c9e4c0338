import { readFileSync } from 'node:fs'

import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, it } from 'vitest'

import { FILE, renderApi } from '../../src/cli/openapi.ts'

it('openapi.json is up to date with the schemas (if not: npm run openapi)', () => {
  expect(readFileSync(FILE, 'utf8')).toBe(renderApi())
})

it('openapi.json is valid OpenAPI 3.1 by a published validator', async () => {
  const validator = new Validator()
  expect(await validator.validate(FILE)).toEqual({ valid: true })
  expect(validator.version).toBe('3.1')
})
