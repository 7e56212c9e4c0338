// GET /health and GET /ready: whether the Worker is alive, and whether it can serve.

import { Hono } from 'hono'

import type { AppEnv } from '../app-env.ts'
import { argon2id } from '../auth/passwords/argon2.ts'
import { checkSchema } from '../db/schema-check.ts'
import { AppError } from '../errors.ts'
import { openIsolate } from '../isolate.ts'

export const health = new Hono<AppEnv>()
  .get('/health', (c) => c.json({ status: 'ok' }))
  .get('/ready', async (c) => {
    const open = () => openIsolate(c.env, argon2id)
    const checks = {
      settings: async () => open(),
      keys: () => open().keyRing(),
      database: () => checkSchema(open().db),
    }
    for (const [name, check] of Object.entries(checks))
      await check().catch((error: Error) => {
        throw new AppError('not_ready', { reason: error.message, error: `Not ready: ${name}` })
      })
    return c.json({ status: 'ready' })
  })
