// The commands of a story: requests, alone or two at once, and what happens around them.

import * as fc from 'fast-check'

import { argon2id } from '../../src/auth/passwords/argon2.ts'
import { cleanUp } from '../../src/auth/sessions/clean-up.ts'
import { openIsolate } from '../../src/isolate.ts'
import { administer, operate, revokeEveryone } from './admin-requests.ts'
import { FIRST_VERSION, type Version } from './deployment.ts'
import {
  anyIsolate,
  changePassword,
  type Intent,
  login,
  loginWithCookie,
  logout,
  logoutOfAll,
  rarely,
  refresh,
  signUp,
} from './requests.ts'
import type { Fault, Story } from './story.ts'

type Command = fc.AsyncCommand<Story, fc.Scheduler>

const anyFault = fc.record<Fault>({
  at: fc.integer({ min: 1, max: 4 }),
  when: fc.constantFrom('before', 'after'),
})

/** One request. A statement of it may fail, or its response may be lost: the client never sees it. */
const toRequest = (intents: fc.Arbitrary<Intent>): fc.Arbitrary<Command> =>
  fc
    .record({
      intent: intents,
      fault: rarely(8, anyFault),
      isLost: rarely(10, fc.constant(true)),
    })
    .map(({ intent, ...trouble }) => ({
      check: (story) => intent(story) !== undefined,
      run: async (story) => {
        const action = intent(story)
        if (action) await story.send(action, trouble)
      },
      toString: () => 'request',
    }))

/** Two requests at once; the scheduler decides whose statement reaches the database next. */
const toPair = (intents: fc.Arbitrary<Intent>): fc.Arbitrary<Command> =>
  fc.tuple(intents, intents).map(([one, other]) => ({
    check: (story) => one(story) !== undefined && other(story) !== undefined,
    run: async (story, scheduler) => {
      const [first, second] = [one(story), other(story)]
      if (first && second) await story.sendTogether([first, second], scheduler)
    },
    toString: () => 'two requests at once',
  }))

const event = (
  title: string,
  happen: (story: Story) => unknown,
  check: Command['check'] = () => true,
) => ({
  check,
  run: (story: Story) => story.experience(title, () => happen(story)),
  toString: () => title,
})

const wait = fc
  .constantFrom(1, 2, 5, 5, 29, 30, 31, 100, 901, 3600, 86_400, 604_800)
  .map((seconds) => event(`${seconds} seconds pass`, ({ real }) => real.wait(seconds)))

/** The next step of key rotation, once every isolate has the previous one. */
const rotate = fc.constant(
  event(
    'the keys are rotated by one step',
    ({ real }) => {
      real.target = { ...real.target, rotation: real.target.rotation + 1 }
    },
    ({ real }) => real.isDeployed(),
  ),
)

const lifetimes: fc.Arbitrary<Partial<Version>> = fc.constantFrom(
  { maxSeconds: FIRST_VERSION.maxSeconds, idleSeconds: FIRST_VERSION.idleSeconds },
  { maxSeconds: 100 },
  { idleSeconds: 30 },
  { maxSeconds: 86_400, idleSeconds: 3600 },
)
const configure = lifetimes.map((changes) =>
  event(`settings: ${JSON.stringify(changes)}`, ({ real }) => {
    real.target = { ...real.target, ...changes }
  }),
)

/** Deployments reach isolates at different moments, and an isolate may be replaced at any time. */
const restart = anyIsolate.map((number) =>
  event(`isolate ${number} restarts with what is configured`, ({ real }) => real.restart(number)),
)

const clean = anyIsolate.map((number) =>
  event(`isolate ${number} cleans up`, ({ real }) => {
    const env = real.server(number).env
    return cleanUp(openIsolate(env, argon2id), real.now)
  }),
)

/** What takes effect in one transaction: at once with another, it is as if one came after the other. */
const transactions = fc.oneof(
  { weight: 5, arbitrary: login },
  { weight: 6, arbitrary: refresh },
  { weight: 2, arbitrary: logout },
  { weight: 2, arbitrary: changePassword },
  { weight: 2, arbitrary: administer },
  { weight: 2, arbitrary: operate },
)
const requests = fc.oneof(
  { weight: 6, arbitrary: transactions },
  { weight: 1, arbitrary: loginWithCookie },
  { weight: 1, arbitrary: fc.oneof(logoutOfAll, signUp, revokeEveryone) },
)

export const commands = fc.commands<Story, fc.Scheduler, false>(
  [
    ...Array.from({ length: 7 }, () => toRequest(requests)),
    ...Array.from({ length: 2 }, () => toPair(transactions)),
    ...Array.from({ length: 3 }, () => wait),
    restart,
    restart,
    rotate,
    configure,
    clean,
  ],
  { size: 'max', maxCommands: 60 },
)
