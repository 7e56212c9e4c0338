// One story: commands sent to the deployment, and after each of them the comparison with the model.

import { env } from 'cloudflare:workers'
import type { Scheduler } from 'fast-check'

import { logged } from '../helpers.ts'
import { Deployment, importUser, ISOLATES } from './deployment.ts'
import { interleave } from './interleave.ts'
import {
  agrees,
  type Answer,
  explain,
  isStored,
  NOWHERE,
  REVOCATION_SECONDS,
  type State,
  type Tokens,
  toUserRows,
} from './model.ts'
import { type Action, FIRST_PASSWORD, type Known, toLogin, toRefresh, USERS } from './requests.ts'

export type Fault = { at: number; when: 'before' | 'after' }
type Trouble = { fault?: Fault | undefined; isLost?: boolean | undefined }

export class Story implements Known {
  readonly real = new Deployment()
  /** Every state that explains all answers so far: several after a failure or concurrent requests. */
  states: State[] = [{ users: {}, removed: [], sessions: {}, accounts: 0, alarms: 0 }]
  /** The tokens that each client has received, one pair for each generation of its session. */
  readonly clients: Tokens[][] = []
  readonly lines: string[] = []
  commands = 0

  /** Creates the users, as an import does. `ruth` is an admin. */
  static async begin(): Promise<Story> {
    const story = new Story()
    for (const username of USERS) {
      const roles = username === 'ruth' ? ['admin'] : []
      await importUser(env.DB, { username, password: FIRST_PASSWORD, roles }, story.real.now)
      story.state.accounts += 1
      const account = story.state.accounts
      const user = { password: FIRST_PASSWORD, roles, disabled: false, failures: 0, failedAt: 0 }
      story.state.users[username] = { account, ...user }
    }
    return story
  }

  get state(): State {
    const [state] = this.states
    if (!state) throw new Error('no state explains the story')
    return state
  }

  /** Always a new one: a login may fail while its password is replaced, even by the same. */
  get newPassword(): string {
    return `correct horse battery ${this.commands}`
  }

  clientAt = (index: number) => this.clients.at(-1 - (index % this.clients.length))

  /** Returns the tokens of a user who is an admin, or was one when they logged in. */
  adminAt(index: number) {
    const admins = this.clients.filter((tokens) =>
      tokens.some(({ access }) => access.claims.roles.includes('admin')),
    )
    return admins.at(-1 - (index % admins.length))
  }

  nameOf({ claims: { sid, jti } }: Tokens[keyof Tokens]): string {
    const number = this.clients.findIndex(([first]) => first?.access.claims.sid === sid)
    const generation = jti.startsWith(`${sid}.`) ? `, generation ${jti.split('.')[1]}` : ''
    return `session ${number + 1}${generation}`
  }

  /** Sends a request; the client learns its tokens, unless the response is lost. */
  async send(action: Action, { fault, isLost }: Trouble = {}): Promise<void> {
    const server = this.real.server(action.isolate)
    const at = server.statements + (fault?.at ?? Infinity)
    if (fault) server.fault = { ...fault, at }
    const answer = await action.send()
    server.fault = undefined
    answer.failed = server.statements >= at
    const failure = fault && answer.failed ? `, statement ${fault.at} fails ${fault.when}` : ''
    this.#tell(action, answer, `${failure}${isLost ? ', the response is lost' : ''}`)
    const moment = this.real.moment(action.isolate)
    this.#narrow(this.states.flatMap((state) => explain(state, action.rule, moment, answer)))
    if (!isLost) this.#learn(answer)
    await this.#compare()
  }

  /** Sends two requests at once: one order must explain both answers. */
  async sendTogether(actions: [Action, Action], scheduler: Scheduler): Promise<void> {
    const answers = await interleave(this.real, actions, scheduler)
    const steps = actions.flatMap((action, index) => {
      const answer = answers[index]
      // The guard may have passed one before the other revoked its session in the same isolate.
      const moment = { ...this.real.moment(action.isolate), isolate: NOWHERE }
      return answer ? [{ action, answer, moment }] : []
    })
    for (const { action, answer } of steps) this.#tell(action, answer, ', at the same time')
    const follow = (order: typeof steps) =>
      order.reduce(
        (states, { action, answer, moment }) =>
          states.flatMap((state) => explain(state, action.rule, moment, answer)),
        this.states,
      )
    this.#narrow([...follow(steps), ...follow(steps.toReversed())])
    for (const { answer } of steps) this.#learn(answer)
    await this.#compare()
  }

  async experience(title: string, happen: () => unknown): Promise<void> {
    this.lines.push(title)
    this.commands += 1
    await happen()
    await this.#compare()
  }

  /** At the end, all isolates must know, refresh must agree, and everyone must get in. */
  async settle(): Promise<void> {
    await this.experience('the end', () => this.real.wait(REVOCATION_SECONDS))
    for (const isolate of ISOLATES) await this.#probe(isolate, this.clients.length)
    for (const [index, tokens] of this.clients.entries()) {
      const newest = tokens.at(-1)
      if (newest) await this.send(toRefresh(this, index % ISOLATES.length, newest.refresh))
    }
    for (const [index, username] of USERS.entries())
      await this.send(toLogin(this, index % ISOLATES.length, { username, isRight: true }))
  }

  #tell({ title, isolate }: Action, { status, code }: Answer, trouble: string): void {
    this.commands += 1
    const where = isolate < 0 ? '' : ` at isolate ${isolate}`
    this.lines.push(`${title}${where}${trouble}: ${status} ${code}`.trimEnd())
  }

  #narrow(states: State[], problem = 'no state explains this answer'): void {
    if (states.length === 0) this.fail(problem)
    this.states = [...new Map(states.map((state) => [JSON.stringify(state), state])).values()]
  }

  fail(problem: string): never {
    throw new Error(
      `${problem}\n${this.lines.map((line, n) => `  ${n + 1}. ${line}`).join('\n')}\n`,
    )
  }

  #learn({ tokens }: Answer): void {
    if (!tokens) return
    const { sid } = tokens.access.claims
    const client = this.clients.find(([first]) => first?.access.claims.sid === sid)
    if (!client) return void this.clients.push([tokens])
    const { jti } = tokens.refresh.claims
    const known = client.findIndex(({ refresh }) => refresh.claims.jti === jti)
    client.splice(known < 0 ? client.length : known, 1, tokens)
  }

  /** Compares the model with the database, the log and, for the newest sessions, the guard of one isolate. */
  async #compare(): Promise<void> {
    const now = this.real.now
    const [sessions, users] = await env.DB.batch<Record<string, string | number>>([
      env.DB.prepare(
        `SELECT id, generation FROM sessions WHERE revoked_at IS NULL AND expires_at > ?1`,
      ).bind(now),
      env.DB.prepare('SELECT username, roles, disabled_at FROM users'),
    ])
    const live = new Map(sessions?.results.map(({ id, generation }) => [id, generation]))
    const stored = (users?.results ?? []).map(
      ({ username, roles, disabled_at: at }) => `${username} ${roles} ${at === null}`,
    )
    const alarms = logged.filter((line) => line.includes('session.reuse_detected')).length
    const isTrue = (state: State) =>
      state.alarms === alarms &&
      stored.toSorted().join() === toUserRows(state).toSorted().join() &&
      Object.entries(state.sessions).every(
        ([sid, session]) =>
          live.get(sid) === (isStored(session, now) ? session.generation : undefined),
      )
    this.#narrow(this.states.filter(isTrue), 'no state explains the database and the log')
    await this.#probe(this.commands % ISOLATES.length, 4)
  }

  /** Shows the access tokens of the newest sessions to the guard of an isolate. */
  async #probe(isolate: number, count: number): Promise<void> {
    const moment = this.real.moment(isolate)
    for (const tokens of this.clients.slice(-count)) {
      const token = tokens.at(-1)?.access
      if (!token || token.claims.exp + 60 < moment.now) continue
      const response = await this.real.server(isolate).get('/protected', token.text)
      this.#narrow(
        this.states.filter((state) => agrees(state, token, moment, response.status)),
        `the guard of isolate ${isolate} responds with ${response.status} to ${this.nameOf(token)}`,
      )
    }
  }
}
