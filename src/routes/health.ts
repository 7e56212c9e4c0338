// GET /health and GET /ready: whether the Worker is alive, and whether it can serve.

import { Hono } from 'hono'

import { importRing } from '../auth/keys/key-ring.ts'
import { readConfig } from '../config.ts'
import { checkMigrations } from '../db/schema-check.ts'
import { AppError } from '../errors.ts'
import type { AppEnv } from '../app-env.ts'

export const health = new Hono<AppEnv>()
  .get('/health', (c) => c.json({ status: 'ok' }))
  .get('/ready', async (c) => {
    const checks = {
      settings: async () => readConfig(c.env),
      keys: () => importRing(readConfig(c.env)),
      database: () => checkMigrations(readConfig(c.env).DB),
    }
    for (const [name, check] of Object.entries(checks))
      await check().catch((error: Error) => {
        throw new AppError('not_ready', error.message, { error: `Not ready: ${name}` })
      })
    return c.json({ status: 'ready' })
  })
