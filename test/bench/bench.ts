// `npm run bench`: compares the cost of Latchkey on workerd with a bare Worker, Hono and Hono's own jwt().

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'

import { setup as confineTemporaryFiles } from '../temporary.ts'
import { drawChart } from './chart.ts'
import { measureColdStart } from './cold-start.ts'
import { measureGuarded } from './guarded.ts'
import { measureLogin } from './login.ts'
import { measureMemory } from './memory.ts'
import { profile } from './profile.ts'
import { type Results, renderResults } from './report.ts'
import { drawScale, measureScale, renderScale } from './scale.ts'
import { buildAll } from './setting.ts'
import { measureStatements } from './statements.ts'

const HELP = `Measures the cost of Latchkey on local workerd, over loopback.

  npm run bench                 full benchmark, about three minutes
  npm run bench -- --quick      fewer and shorter rounds, under a minute, for a first look
  npm run bench -- --profile    CPU profiles of a guarded request and a login only
  npm run bench -- --scale      D1 statements and rows of 500 simulated isolates only, in a few minutes

Prints tables and writes results.json and chart.svg to dist/bench/. With --profile, it writes cached.cpuprofile,
uncached.cpuprofile and login.cpuprofile instead, with --scale, scale.svg. Missed targets are marked, but do not change the exit status, because machines are noisy.
`

const FULL = {
  rounds: 40,
  requests: 1500,
  logins: 200,
  refreshes: 500,
  coldStarts: 15,
  tokens: 100_000,
}
const QUICK = { rounds: 5, requests: 500, logins: 30, refreshes: 60, coldStarts: 3, tokens: 10_000 }

export type Effort = typeof FULL

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const FOLDER = 'dist/bench'
const report = (text: string) => process.stderr.write(`${text}\n`)

async function measure(effort: Effort): Promise<Results> {
  report('Building the Workers')
  const builds = buildAll()
  return {
    quick: options.quick,
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${process.platform}`,
    effort,
    guarded: await measureGuarded(builds, effort, report),
    login: await measureLogin(builds, effort, report),
    statements: await measureStatements(builds, report),
    coldStart: await measureColdStart(builds, effort, report),
    memory: await measureMemory(builds, effort, report),
  }
}

process.once('exit', confineTemporaryFiles())

if (options.help) {
  process.stdout.write(HELP)
} else if (options.profile) {
  mkdirSync(FOLDER, { recursive: true })
  process.stdout.write(await profile(FOLDER, report))
} else if (options.scale) {
  mkdirSync(FOLDER, { recursive: true })
  const rows = await measureScale(report)
  writeFileSync(`${FOLDER}/scale.svg`, drawScale(rows))
  process.stdout.write(renderScale(rows))
  report(`Wrote ${FOLDER}/scale.svg`)
} else {
  const results = await measure(options.quick ? QUICK : FULL)
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(`${FOLDER}/results.json`, `${JSON.stringify(results, null, 2)}\n`)
  writeFileSync(`${FOLDER}/chart.svg`, drawChart(results))
  process.stdout.write(renderResults(results))
  report(`Wrote ${FOLDER}/results.json and ${FOLDER}/chart.svg`)
}
