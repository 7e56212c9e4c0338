// npm run mutate [-- <file>[:<line>] …]: changes one thing after the other in a copy of the project, and reports what
// no test notices.

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { createVitest } from 'vitest/node'

import { listMutants, type Mutant } from './mutants.ts'
import { TARGETS } from './targets.ts'

const asked = process.argv.slice(2).length > 0 ? process.argv.slice(2) : Object.keys(TARGETS)
const targets = asked.map((text) => {
  const [file = '', line] = text.split(':')
  return { file, line: line === undefined ? undefined : Number(line) }
})
const unknown = targets.filter(({ file }) => !Object.hasOwn(TARGETS, file))
if (unknown.length > 0) {
  const names = unknown.map(({ file }) => file).join(' ')
  console.error(`Unknown: ${names}. Usage: npm run mutate [-- <file>[:<line>] …], any of:`)
  console.error(Object.keys(TARGETS).join('\n'))
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'latchkey-mutants-'))
for (const entry of [
  'src',
  'test',
  '.dev.vars.example',
  'wrangler.toml',
  'package.json',
  'tsconfig.json',
])
  cpSync(entry, join(folder, entry), { recursive: true })
symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
process.chdir(folder)
// Without these, each run prints the same warnings.
process.env.PWD = folder
process.env.WRANGLER_LOG = 'error'
process.env.CLOUDFLARE_CF_FETCH_ENABLED = 'false'

/** `bail` cancels the tests that are left, which may meet a runtime that is still starting, and the next run. */
const CANCELLED = /before initialisation|pool is cancelling/

async function startVitest() {
  const started = await createVitest('test', {
    root: folder,
    config: 'test/vitest.config.ts',
    project: ['worker'],
    watch: false,
    bail: 1,
    reporters: [{ onInit() {} }],
  })
  process.removeAllListeners('unhandledRejection') // Vitest would exit
  process.on('unhandledRejection', (error) => {
    if (!CANCELLED.test(String(error))) throw error
  })
  return started
}
let vitest = await startVitest()

const toSpecifications = (tests: string[]) =>
  vitest.globTestSpecifications(tests.map((test) => `test/${test}.test.ts`))

/** What failed in the last run, for a run without a mutant. */
let lastFailures: unknown[] = []

/** How often a run is repeated, by a new Vitest, that was cancelled before its tests had a result. */
const MAX_REPEATS = 3

/** Whether tests pass. Throws when they were cancelled again and again. */
async function run(tests: string[], repeats = 0): Promise<boolean> {
  const specifications = await toSpecifications(tests)
  if (specifications.length !== tests.length) throw new Error(`not a test: ${tests.join(', ')}`)
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications)
  // The result also contains the modules of earlier runs.
  const ran = new Set(specifications.map(({ moduleId }) => moduleId))
  const modules = testModules.filter(({ moduleId }) => ran.has(moduleId))
  const failed = modules.filter((module) => !module.ok())
  const errors = unhandledErrors.filter((error) => !CANCELLED.test(String(error)))
  lastFailures = [...errors, ...failed.map((module) => module.relativeModuleId)]
  if (lastFailures.length > 0) return false
  const isComplete = (module: (typeof modules)[number]) =>
    module.state() === 'passed' && module.children.size > 0
  if (modules.length === tests.length && modules.every(isComplete)) return true
  if (repeats === MAX_REPEATS) throw new Error(`no result: ${tests.join(', ')}`)
  await vitest.close()
  vitest = await startVitest()
  return run(tests, repeats + 1)
}

/** Whether the tests of a file pass, with `code` in place of it. */
async function passes(file: string, code: string): Promise<boolean> {
  writeFileSync(file, code)
  vitest.invalidateFile(resolve(file))
  const [first = '', ...others] = TARGETS[file] ?? []
  // Most mutants fail the first test, and starting the runtime takes longer than running it.
  return (await run([first])) && (others.length === 0 || run(others))
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ')
const describe = (file: string, { line, before, after }: Mutant) =>
  `${file}:${line} ${oneLine(before)} → ${oneLine(after)}`

let [killed, survived] = [0, 0]
for (const { file, line } of targets) {
  const code = readFileSync(file, 'utf8')
  if (!(await passes(file, code))) {
    console.log(`${file}: skipped, because these tests fail without a mutant:`, lastFailures)
    continue
  }
  const mutants = listMutants(code).filter((one) => line === undefined || one.line === line)
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
