// What vitest.config.ts adds to the Worker's environment.

declare namespace Cloudflare {
  interface Env {
    MIGRATIONS: import('@cloudflare/vitest-pool-workers').D1Migration[]
  }
}
