// Random stories, told to the assembled Worker and to the model. A failure prints the shortest story that shows it,
// and a seed: MODEL_SEED=… npm test -- test/model repeats the run. Each such story becomes a test of its own.

import { env } from 'cloudflare:workers'
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

import { commands } from './commands.ts'
import { prepareEnvironment } from './deployment.ts'
import { Story } from './story.ts'

const COMMANDS = 10_000
const MAX_MS = 170_000
const seed = Number(env.MODEL_SEED || Date.now() % 2 ** 31)

beforeEach(prepareEnvironment)
afterEach(() => vi.useRealTimers())

const TABLES = ['users', 'sessions', 'login_failures']
const empty = () => env.DB.batch(TABLES.map((table) => env.DB.prepare(`DELETE FROM ${table}`)))

it(
  `every session is accepted exactly where the model says, in any order of commands and failures (seed ${seed})`,
  async () => {
    let count = 0
    let hasFailed = false
    const deadline = performance.now() + MAX_MS
    const property = fc.asyncProperty(fc.scheduler(), commands, async (scheduler, story) => {
      // After a failure it goes on, with shorter stories, until the deadline.
      if (performance.now() > deadline || (count >= COMMANDS && !hasFailed)) return
      await empty()
      const model = await Story.begin()
      try {
        await fc.asyncModelRun(() => ({ model, real: scheduler }), story)
        await model.settle()
      } catch (error) {
        hasFailed = true
        throw error
      } finally {
        count += model.commands
      }
    })
    await fc.assert(property, { seed, numRuns: 5000 })
    expect(count).toBeGreaterThan(0)
  },
  MAX_MS + 60_000,
)
