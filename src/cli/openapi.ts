// npm run openapi: writes the OpenAPI document to where the Worker serves it.

import { fileURLToPath } from 'node:url'

import { describeApi } from '../contract/openapi.ts'
import { parseArguments } from './terminal/arguments.ts'
import { runCommand } from './terminal/command-error.ts'
import { print, replaceFile } from './terminal/output.ts'

export const FILE = 'src/public/openapi.json'

export const renderApi = () => `${JSON.stringify(describeApi(), null, 2)}\n`

const HELP = `Usage: npm run openapi

Writes the OpenAPI document to ${FILE}, from where the Worker serves it.`

// npm starts it through start.js
if (import.meta.main || process.argv[1] === fileURLToPath(import.meta.url))
  await runCommand(async () => {
    const options = { help: { type: 'boolean' } } as const
    const usage = { help: HELP, max: 0 }
    if (parseArguments(process.argv.slice(2), options, usage).values.help) return print(HELP)
    replaceFile(FILE, renderApi())
    print(`Wrote ${FILE}`)
  })
