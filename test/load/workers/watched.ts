// Latchkey with a clock that a test sets. It counts what it is asked over RPC, and its reads of D1.

import worker, { Guard as RealGuard } from '../../../src/index.ts'
import { setClock } from './clock.ts'

const counts = { verify: 0, revoked: 0, statements: 0 }
let isStopped = false

const watched = new WeakMap<Env, Env>()

/** Returns one object for each `env`, since what an isolate keeps belongs to it. */
function watch(env: Env): Env {
  const known = watched.get(env) ?? { ...env, DB: countStatements(env.DB) }
  watched.set(env, known)
  return known
}

const countStatements = (original: D1Database) =>
  new Proxy(original, {
    get(db, name) {
      if (name === 'prepare') counts.statements += 1
      const value: unknown = Reflect.get(db, name)
      return typeof value === 'function' ? value.bind(db) : value
    },
  })

export class Guard extends RealGuard {
  constructor(context: ExecutionContext, env: Env) {
    super(context, watch(env))
  }

  override verify(...args: Parameters<RealGuard['verify']>) {
    counts.verify += 1
    return isStopped ? new Promise<never>(() => {}) : super.verify(...args)
  }

  override revoked(...args: Parameters<RealGuard['revoked']>) {
    counts.revoked += 1
    if (isStopped) throw new Error('stopped')
    return super.revoked(...args)
  }
}

const CONTROLS: Record<string, (text: string) => void> = {
  '/__clock': (ms) => setClock(Number(ms)),
  '/__stop': (stop) => {
    isStopped = stop === 'true'
  },
  '/__counts': () => {},
}

export default {
  async fetch(request, env, context) {
    const control = CONTROLS[new URL(request.url).pathname]
    if (!control) return worker.fetch(request, watch(env), context)
    control(await request.text())
    return Response.json(counts)
  },
} satisfies ExportedHandler<Env>
