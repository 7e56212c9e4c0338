// Latchkey with a D1 binding that counts. GET /__counts returns the totals so far, POST /__clean-up runs the cron trigger.

import worker from '../../../src/index.ts'
import { countCalls } from './counting.ts'

const counts = { statements: 0, trips: 0, read: 0, written: 0 }
let countedEnv: Env | undefined

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url)
    if (pathname === '/__counts') return Response.json(counts)
    countedEnv ??= { ...env, DB: countCalls(env.DB, counts) }
    if (pathname === '/__clean-up') {
      await worker.scheduled({ cron: '', scheduledTime: 0, noRetry() {} }, countedEnv)
      return Response.json({})
    }
    return worker.fetch(request, countedEnv, context)
  },
} satisfies ExportedHandler<Env>
