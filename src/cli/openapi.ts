// npm run openapi: writes the OpenAPI document to where the Worker serves it.

import { writeFileSync } from 'node:fs'

import { describeApi } from '../contract/openapi.ts'

export const FILE = 'src/public/openapi.json'

export const renderApi = () => `${JSON.stringify(describeApi(), null, 2)}\n`

if (import.meta.main) {
  writeFileSync(FILE, renderApi())
  console.log(`Wrote ${FILE}`)
}
