// Three projects: the Worker's tests run in workerd on real local D1, the command line's in Node, the page's in Chromium.

import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-pool-workers'
import { defineConfig } from 'vitest/config'

const workers = cloudflareTest(async () => ({
  wrangler: { configPath: './wrangler.toml' },
  miniflare: {
    // Tests log in more often than a person: the limiter has tests of its own.
    ratelimits: {
      LOGIN_LIMITER: { namespace_id: '1', simple: { limit: 1_000_000, period: 60 } },
      REFRESH_LIMITER: { namespace_id: '2', simple: { limit: 1_000_000, period: 60 } },
    },
    bindings: {
      JWT_SECRET: 'Uh3T0cW1fN5qZkq2mB9rXv7LdJ4sYpA8',
      DATA_SECRET: 'b7Qe2VnX0sKc5Rz8TgYw3Lp6DhJm9FaU',
      MODEL_SEED: process.env.MODEL_SEED ?? '',
      MIGRATIONS: await readD1Migrations('src/db/migrations'),
    },
  },
}))

export default defineConfig({
  test: {
    globalSetup: ['test/temporary.ts'],
    maxWorkers: 3, // most files wait for a server of their own
    coverage: {
      provider: 'istanbul',
      include: ['src/**/*.ts'],
      exclude: ['src/cli/**', 'src/**/*.d.ts'],
      reporter: ['text', 'json-summary'],
      thresholds: { lines: 95 },
    },
    projects: [
      {
        plugins: [workers],
        test: {
          name: 'worker',
          testTimeout: 60_000, // for a busy machine
          include: ['test/**/*.test.ts'],
          exclude: ['test/{browser,cli,load}/**'],
          setupFiles: ['test/setup.ts'],
        },
      },
      {
        test: {
          name: 'cli',
          include: ['test/{cli,load}/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/browser/setup.ts'],
          testTimeout: 60_000,
          // All share one Worker, its users and their sessions, and no load beside them.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
