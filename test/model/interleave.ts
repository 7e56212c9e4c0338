// Requests at the same time: whose statement reaches the database next is the scheduler's choice.

import type { Scheduler } from 'fast-check'

import type { Deployment } from './deployment.ts'
import type { Answer } from './model.ts'
import type { Action } from './requests.ts'

/** Sends requests at once: when all of them wait or are done, the scheduler chooses whose statement runs. */
export async function interleave(
  real: Deployment,
  actions: Action[],
  scheduler: Scheduler,
): Promise<Answer[]> {
  let waiting = 0
  let done = 0
  let notify = () => {}
  const servers = [...real.servers, real.operator]
  for (const server of servers)
    server.beforeStatement = async () => {
      const turn = scheduler.schedule(Promise.resolve())
      waiting += 1
      notify()
      await turn
      waiting -= 1
    }
  const answers = actions.map(async (action) => {
    const answer = await action.send()
    done += 1
    notify()
    return answer
  })
  while (done < actions.length) {
    if (waiting + done < actions.length) await new Promise<void>((resolve) => (notify = resolve))
    else await scheduler.waitNext(1)
  }
  for (const server of servers) server.beforeStatement = async () => {}
  return Promise.all(answers)
}
