// The steps of a command that changes something remote. Each error says what was done before it.

import { CommandError, explain } from '../terminal/command-error.ts'
import { print, writeAll } from '../terminal/output.ts'

/** Runs one step, which returns a note to print and its result. */
export type RunStep = <Result>(
  title: string,
  step: () => Promise<{ note: string; result: Result }>,
) => Promise<Result>

/** Returns a function that runs steps. `command` is what to run again after an error. */
export function createStepRunner(command: string): RunStep {
  const done: string[] = []
  return async (title, step) => {
    writeAll(1, `${title} … `)
    try {
      const { note, result } = await step()
      print(note)
      done.push(title)
      return result
    } catch (thrown) {
      const error = explain(thrown)
      if (!(error instanceof CommandError)) throw error
      print('failed')
      throw new CommandError(`
${title} failed. ${error.message}

Done before: ${done.join(', ') || 'nothing'}.
Next: fix this, then run '${command}' again. Every step can be repeated.`)
    }
  }
}
