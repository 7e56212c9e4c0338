// What vitest.config.ts adds to the Worker's environment.

declare namespace Cloudflare {
  interface Env {
    MIGRATIONS: import('@cloudflare/vitest-pool-workers').D1Migration[]
  }
}

/** Vite's: the modules that match, here as text. */
interface ImportMeta {
  glob(
    pattern: string,
    options: { query: '?raw'; import: 'default'; eager: true },
  ): Record<string, string>
}
