// The steps of a command that changes something far away: what has been done is always said.

import { Failure } from '../terminal/failure.ts'

/** Takes one step, which returns what to say of it, and its result. */
export type TakeStep = <Result>(
  title: string,
  step: () => Promise<{ note: string; result: Result }>,
) => Promise<Result>

/** Steps of a command that can be run `again`: a failure names those before it, and what to run next. */
export function startSteps(again: string): TakeStep {
  const done: string[] = []
  return async (title, step) => {
    process.stdout.write(`${title} … `)
    try {
      const { note, result } = await step()
      console.log(note)
      done.push(title)
      return result
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      console.log('failed')
      throw new Failure(`
${title} failed. ${error.message}

Done before: ${done.join(', ') || 'nothing'}.
Next: mend that, then '${again}' again: every step can be repeated.`)
    }
  }
}
