// npm run mutate [-- <file> …]: changes one thing after the other in a copy of the project, and reports what no test notices.

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { createVitest } from 'vitest/node'

import { listMutants, type Mutant } from './mutants.ts'
import { TARGETS } from './targets.ts'

const asked = process.argv.slice(2)
const files = asked.length > 0 ? asked : Object.keys(TARGETS)
const unknown = files.filter((file) => !Object.hasOwn(TARGETS, file))
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(' ')}. Usage: npm run mutate [-- <file> …], any of:`)
  console.error(Object.keys(TARGETS).join('\n'))
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'latchkey-mutants-'))
for (const entry of ['src', 'test', 'wrangler.toml', 'package.json', 'tsconfig.json'])
  cpSync(entry, join(folder, entry), { recursive: true })
symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
process.chdir(folder)
// Without these, each run prints the same warnings.
process.env.PWD = folder
process.env.WRANGLER_LOG = 'error'
process.env.CLOUDFLARE_CF_FETCH_ENABLED = 'false'

const quiet = { onInit() {} }
const vitest = await createVitest('test', {
  root: folder,
  config: 'test/vitest.config.ts',
  project: ['worker'],
  watch: false,
  bail: 1,
  reporters: [quiet],
})
// `bail` cancels the tests that are left, and may meet a runtime that is still starting. Vitest would exit.
process.removeAllListeners('unhandledRejection')
process.on('unhandledRejection', (error) => {
  if (!/before initialisation/.test(String(error))) throw error
})

const toSpecifications = (tests: string[]) =>
  vitest.globTestSpecifications(tests.map((test) => `test/${test}.test.ts`))

/** What failed in the last run, for a run without a mutant. */
let lastFailures: unknown[] = []

/** Whether the tests of a file pass, with `code` in place of it. */
async function passes(file: string, code: string): Promise<boolean> {
  writeFileSync(file, code)
  vitest.invalidateFile(resolve(file))
  const [first = '', ...others] = TARGETS[file] ?? []
  // Most mutants fail the first test, and starting the runtime takes longer than running it.
  for (const tests of [[first], others].filter(({ length }) => length > 0)) {
    const specifications = await toSpecifications(tests)
    if (specifications.length !== tests.length) throw new Error(`not a test: ${tests.join(', ')}`)
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications)
    // The result also contains the modules of earlier runs.
    const ran = new Set(specifications.map(({ moduleId }) => moduleId))
    const failed = testModules.filter((module) => ran.has(module.moduleId) && !module.ok())
    lastFailures = [...unhandledErrors, ...failed.map((module) => module.relativeModuleId)]
    if (lastFailures.length > 0) return false
  }
  return true
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ')
const describe = (file: string, { line, before, after }: Mutant) =>
  `${file}:${line} ${oneLine(before)} → ${oneLine(after)}`

let [killed, survived] = [0, 0]
for (const file of files) {
  const code = readFileSync(file, 'utf8')
  if (!(await passes(file, code))) {
    console.log(`${file}: skipped, because these tests fail without a mutant:`, lastFailures)
    continue
  }
  const mutants = listMutants(code)
  for (const [index, mutant] of mutants.entries()) {
    process.stderr.write(`${file}: ${index + 1}/${mutants.length}\n`)
    if (await passes(file, code.slice(0, mutant.start) + mutant.after + code.slice(mutant.end))) {
      survived += 1
      console.log(`survived: ${describe(file, mutant)}`)
    } else killed += 1
  }
  writeFileSync(file, code)
  vitest.invalidateFile(resolve(file))
  console.log(`${file}: ${killed} killed and ${survived} survived in all so far`)
}
await vitest.close()
rmSync(folder, { recursive: true, force: true })
