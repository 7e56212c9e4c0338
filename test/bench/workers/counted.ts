// Latchkey with a D1 binding that counts. GET /__counts returns the totals so far.

import worker from '../../../src/index.ts'
import { countCalls } from './counting.ts'

const counts = { statements: 0, trips: 0, read: 0, written: 0 }
let countedEnv: Env | undefined

export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname === '/__counts') return Response.json(counts)
    countedEnv ??= { ...env, DB: countCalls(env.DB, counts) }
    return worker.fetch(request, countedEnv, context)
  },
} satisfies ExportedHandler<Env>
